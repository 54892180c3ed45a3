import { type PromotionStep, promotionStep } from "../../core/promotion.js";
import type { Forge, PullRequest } from "../../forges/forge.js";
import { tipOf } from "../../reconcile/desired.js";
import type { Session } from "../../reconcile/session.js";
import { conflictText } from "../conflict-text.js";
import { hopMemory } from "../hop-memory.js";
import { type Hotfixes, hotfixesOf } from "./hotfixes.js";
import { backportBranch, backportKey, type KeptPromotion } from "../promotion-desk.js";

export interface Backport {
  /** Whose hotfixes are offered, */
  readonly environment: string;
  /** the environment that is promoted into it, */
  readonly from: string;
  /** and the first of the order, which is to have them; undefined: nothing is offered any more, what is open ends. */
  readonly into: string | undefined;
}

export interface BackportPass extends Backport {
  readonly session: Session;
  readonly branches: ReadonlyMap<string, string>;
  readonly known: KeptPromotion | undefined;
  /** By environment, what was found last: git is asked again where a branch moved. */
  readonly found: Map<string, { readonly tips: string; readonly hotfixes: Hotfixes }>;
  readonly signal: AbortSignal;
}

/** What was found, and what shall come of it. Nothing was done. */
export interface BackportLook {
  /** The first branch's tip. */
  readonly onto: string;
  readonly hotfixes: Hotfixes;
  /** By the id of a hotfix that is in conflict: what both sides changed. */
  readonly against: ReadonlyMap<string, string>;
  /** The hotfixes' ids: what a person declines. */
  readonly revision: string;
  readonly forge: Forge | undefined;
  readonly pull: PullRequest | undefined;
  readonly step: PromotionStep;
}

export async function lookAtBackport(pass: BackportPass): Promise<BackportLook> {
  const { session, environment, into, branches, known, signal } = pass;
  const onto = into === undefined ? "" : tipOf(session, into, branches);
  const hotfixes = into === undefined ? { picked: [], commit: onto, conflicting: [], settled: [] } : await found(pass);
  const ids = [...hotfixes.picked, ...hotfixes.conflicting.map(({ hotfix }) => hotfix)].map(({ id }) => id);
  const isWanted = ids.length > 0;
  const forge = known === undefined && !isWanted ? undefined : await session.forge();
  const newest = await forge?.find(backportBranch(environment), signal);
  // One of earlier hotfixes was decided in its time.
  const isMeant = newest?.state === "open" || newest?.number === known?.pullRequest?.number;
  const own = session.config.environments.get(into ?? "")?.branch;
  // Into another branch, somebody merged it on purpose: here it was declined.
  const isAway = newest?.state === "merged" && newest.base !== undefined && newest.base !== own;
  const pull = newest !== undefined && isMeant ? { ...newest, ...(isAway && { state: "closed" as const }) } : undefined;
  // Who declined these hotfixes declined each of them.
  const declined = pull?.state === "closed" ? (known?.revision.split(" ") ?? []) : [];
  const revision = ids.every((id) => declined.includes(id)) ? (known?.revision ?? "") : ids.join(" ");
  const step = promotionStep({
    ...{
      wanted: isWanted ? revision : undefined,
      tip: onto,
      known,
      gates: "pending",
      merge: "pull-request",
      auto: false,
    },
    ...{ relation: hotfixes.picked.length > 0 ? "ahead" : "conflicting", pull: pull?.state ?? "absent" },
  });
  const against = await conflictTexts(pass, hotfixes);
  return {
    ...{ onto, hotfixes, against, revision, forge, pull },
    step: step === "open" && forge === undefined ? "wait" : step,
  };
}

async function conflictTexts(
  { session, environment, into = "", branches, signal }: BackportPass,
  { conflicting }: Hotfixes,
): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>();
  if (conflicting.length === 0) return texts;
  const side = (name: string) => ({ name, commit: tipOf(session, name, branches) });
  const sides = { from: side(environment), to: side(into), memory: hopMemory() };
  for (const { hotfix, conflicts } of conflicting) {
    texts.set(hotfix.id, await conflictText(session, { ...sides, conflicts }, signal));
  }
  return texts;
}

async function found(pass: BackportPass): Promise<Hotfixes> {
  const { session, environment, from, into = "", branches, signal } = pass;
  const tip = tipOf(session, environment, branches);
  const sides = { from: tipOf(session, from, branches), first: tipOf(session, into, branches) };
  const tips = [tip, sides.from, sides.first].join(" ");
  const last = pass.found.get(environment);
  if (last?.tips === tips) return last.hotfixes;
  const { promotions } = await session.store();
  const [recorded, settled] = await Promise.all([
    promotions.arrivals(environment),
    promotions.arrivals(backportKey(environment)),
  ]);
  const request = { tip, ...sides, recorded, settled: new Set(settled.keys()) };
  const hotfixes = await hotfixesOf(await session.source(), request, signal);
  pass.found.set(environment, { tips, hotfixes });
  return hotfixes;
}
