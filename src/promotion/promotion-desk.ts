import type { JudgedGate } from "../core/gate.js";
import type { Promotion } from "../core/promotion.js";
import { readJson, stringifyJson } from "../lib/json.js";
import type { Session } from "../reconcile/session.js";

/** What the store keeps of a promotion that is under way. */
export interface KeptPromotion extends Promotion {
  readonly from: string;
  /** ISO 8601: since when this revision is under way. */
  readonly since: string;
  /** Who asked for it; absent: the policy did. */
  readonly wantedBy?: string;
  /** What its branch, and at the end the environment's, points to. */
  readonly commit?: string;
  readonly pullRequest?: { readonly number: number; readonly url: string };
  /** As they were when that was told last, each with since when. */
  readonly gates?: readonly JudgedGate[];
  /** As it was told last: what changed since is told. */
  readonly told?: string;
  /** As its commit on the forge was told last. */
  readonly status?: string;
}

/** The branch of the promotion into an environment. */
export function promotionBranch(to: string): string {
  return `trueup/promote/${to}`;
}

/** The branch of the pull request that brings an environment's hotfixes back. */
export function backportBranch(environment: string): string {
  return `trueup/backport/${environment}`;
}

/** Under which what is offered back is kept, beside the promotions. */
export function backportKey(environment: string): string {
  return `backport/${environment}`;
}

export async function loadPromotions(session: Session): Promise<ReadonlyMap<string, KeptPromotion>> {
  const texts = await (await session.store()).promotions.load();
  // What was written by `encodePromotion` is read here.
  return new Map([...texts].map(([to, text]) => [to, readJson(text) as unknown as KeptPromotion]));
}

export function encodePromotion(kept: KeptPromotion): string {
  return stringifyJson(kept as unknown as Parameters<typeof stringifyJson>[0]);
}

/** What gates say, in one line each: told again only where it changed. Times that run down are left out. */
export function tellingOf(gates: readonly JudgedGate[]): string {
  return gates.map(({ name, state }) => `${name} ${state}`).join("\n");
}
