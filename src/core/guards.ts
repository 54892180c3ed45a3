import type { Finding } from "./finding.js";
import { byKey, keyName, type ListScope, within } from "./lists.js";
import type { BlastRadius, Guards } from "./policy.js";
import { isList, isMap, type Value } from "./value.js";

/** Why a plan is refused, or a read is not believed; undefined where nothing speaks against it. */
export type Refusal = string | undefined;

/** More updates and removals at once than the blast radius allows. Creates do not count: they overwrite nothing. */
export function blastRefusal(planned: readonly Finding[], managed: number, radius: BlastRadius): Refusal {
  const count = planned.filter(({ action }) => action !== "create").length;
  if (!exceeds(count, managed, radius)) return undefined;
  return (
    `the plan would update or remove ${count} of ${managed} settings (${percent(count, managed)}), ` +
    `more than the blast radius of ${percent(radius.share, 1)} allows`
  );
}

export interface Loss {
  readonly target: string;
  /** Settings in last applied. */
  readonly known: number;
  /** Of these, how many the live document no longer holds. */
  readonly lost: number;
  /** So many losses a person has said to be real. */
  readonly confirmed: number;
}

/** How many settings last applied has, and how many of them the live document no longer holds, whatever git says of them. */
export function countLoss(lastApplied: Value, live: Value | undefined, scope: ListScope): Pick<Loss, "known" | "lost"> {
  const entries = childrenOf(lastApplied, scope);
  if (entries === undefined) return { known: 1, lost: live === undefined ? 1 : 0 };
  const found = live === undefined ? undefined : childrenOf(live, scope);
  const byName = new Map(found);
  // Where another kind of value stands now, the settings below were changed, not lost.
  const changed = live !== undefined && found === undefined && !isEmpty(live);
  let known = 0;
  let lost = 0;
  for (const [name, item] of entries) {
    const below = countLoss(item, changed ? live : byName.get(name), within(scope, name));
    known += below.known;
    lost += below.lost;
  }
  return { known, lost };
}

/** Members by name and keyed elements by key; undefined where the value is one setting. */
function childrenOf(value: Value, scope: ListScope): readonly (readonly [string, Value])[] | undefined {
  const key = keyName(scope);
  if (isMap(value)) return Object.keys(value).length === 0 ? undefined : Object.entries(value);
  if (!isList(value) || key === undefined || value.length === 0) return undefined;
  const elements = byKey(value, key);
  return elements === undefined ? undefined : [...elements];
}

function isEmpty(value: Value): boolean {
  return isList(value) ? value.length === 0 : isMap(value) && Object.keys(value).length === 0;
}

/**
 * A live document that is suddenly empty, or lost more than the share, is more often a broken read than a person's doing:
 * a wrong database, a broker that restarted without its store, a volume that was not mounted.
 */
export function lossRefusal({ target, known, lost, confirmed }: Loss, guards: Guards): Refusal {
  if (lost <= confirmed || guards.acceptLoss.includes(target)) return undefined;
  if (lost === known) return `the live document is suddenly empty: all ${known} settings that were there are gone`;
  if (!exceeds(lost, known, guards.blastRadius)) return undefined;
  return `the live document suddenly lost ${lost} of ${known} settings (${percent(lost, known)})`;
}

function exceeds(count: number, all: number, { share, atLeast }: BlastRadius): boolean {
  return count >= atLeast && count > share * all;
}

function percent(part: number, whole: number): string {
  return `${Math.round((100 * part) / Math.max(whole, 1))} %`;
}
