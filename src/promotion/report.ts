import type { JudgedGate } from "../core/gate.js";
import type { Pointer } from "../core/pointer.js";
import type { PromotionStep } from "../core/promotion.js";
import type { Value } from "../core/value.js";

/** A setting that two renderings have differently, as it may be shown. */
export interface Difference {
  readonly target: string;
  readonly path: Pointer;
  /** Null where absent; a sensitive value is `(sensitive 1a2b3c4d)`. */
  readonly before: Value;
  readonly after: Value;
  readonly sensitive?: true;
}

/** How a promotion stands: `idle`: nothing is to be promoted, or nobody asked for it. */
export type PromotionState = "idle" | "waiting" | "blocked" | "declined" | "promoted";

/** One hop of the order, as `trueup promotions` and `trueup promote` show it. */
export interface HopReport {
  readonly from: string;
  readonly to: string;
  readonly state: PromotionState;
  /** What travels, or would if somebody asked; null where the branch has all of it. */
  readonly revision: string | null;
  /** A sentence for a person: what it waits for, why it is blocked. */
  readonly reason: string;
  /** What a person can do now: sentences with the command. */
  readonly next: readonly string[];
  /** ISO 8601: since when it is under way. */
  readonly since?: string;
  readonly wantedBy?: string;
  readonly gates: readonly JudgedGate[];
  /** Newest first, some. */
  readonly commits: readonly TravellingCommit[];
  /** What changes for the environment that is promoted into. */
  readonly changes: readonly Difference[];
  /** The files that were merged setting by setting, because lines of them were in conflict; absent: none. */
  readonly mergedBySetting?: readonly string[];
  readonly pullRequest?: { readonly number: number; readonly url: string };
  /** What was done in this pass. */
  readonly did?: Exclude<PromotionStep, "nothing" | "wait">;
}

export interface TravellingCommit {
  readonly id: string;
  readonly author: string;
  readonly subject: string;
}
