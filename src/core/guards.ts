import type { Finding } from "./finding.js";
import type { BlastRadius, Guards } from "./policy.js";

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
}

/**
 * A live document that is suddenly empty, or lost more than the share, is more often a broken read than a person's doing:
 * a wrong database, a broker that restarted without its store, a volume that was not mounted.
 */
export function lossRefusal({ target, known, lost }: Loss, guards: Guards): Refusal {
  if (known === 0 || lost === 0 || guards.acceptLoss.includes(target)) return undefined;
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
