import type { Attribution } from "../core/attribution.js";
import type { TrueupError } from "../core/errors.js";
import type { FindingKind } from "../core/finding.js";
import type { Pointer } from "../core/pointer.js";
import type { Action, Severity } from "../core/policy.js";
import type { Value } from "../core/value.js";
import type { FailedRevision } from "../render/rendered.js";
import type { Restrained } from "./restraint.js";

export type TargetState = "Synced" | "Pending" | "Drifted" | "Unknown" | "Failed" | "Suspended";

/** A finding as people and programs see it: judged, and without any sensitive value. */
export interface ReportedFinding {
  readonly path: Pointer;
  readonly kind: FindingKind;
  /** Null where absent; a sensitive value is `(sensitive 1a2b3c4d)`, the beginning of its keyed hash. */
  readonly desired: Value;
  readonly live: Value;
  readonly severity: Severity;
  readonly actions: readonly Action[];
  readonly rule: string;
  readonly sensitive?: true;
  /** Why nothing is done about it: the system cannot hold the value, a person adopted the live one. */
  readonly note?: string;
  /** What holds the policy's actions back; `note` says more. */
  readonly restrained?: Restrained["why"];
  /** Who moved the live side, and how sure that is; absent where nothing tells. */
  readonly changedBy?: Attribution;
}

/** What became of one write. */
export interface ReportedOutcome {
  readonly path: Pointer;
  readonly result: "healed" | "synced" | "adopted" | "pendingRestart" | "moved" | "unreachable" | "failed";
  readonly error?: ReportedError;
}

export interface ReportedError {
  readonly code: string;
  readonly message: string;
  /** `file:line:column` */
  readonly where?: string;
  readonly hint?: string;
}

export interface TargetReport {
  readonly name: string;
  readonly kind: string;
  readonly state: TargetState;
  readonly error?: ReportedError;
  readonly findings: readonly ReportedFinding[];
  /** Set as desired, in effect only after the server restarts. */
  readonly pendingRestart?: readonly Pointer[];
  readonly outcomes?: readonly ReportedOutcome[];
  /** Why a plan was not carried out: a guard, another controller's lease. */
  readonly refused?: ReportedError;
  /** Those for which the policy asks for an approval. */
  readonly plans?: readonly ReportedPlan[];
}

/** A plan that needs a person's approval: of a pass of the controller, or what a person would ask for. */
export interface ReportedPlan {
  /** Its hash. */
  readonly plan: string;
  readonly verb: "pass" | "sync" | "adopt" | "revert";
  /** The setting, where `revert` would write only one. */
  readonly path?: Pointer;
  readonly changes: number;
  /** The worst of the changes'. */
  readonly severity: Severity;
  /** Absent: it waits. */
  readonly approved?: { readonly by: string; readonly at: string; readonly reason?: string };
}

/** So many digits of a plan's hash are shown: too many to find another plan that has them, few enough to be typed. */
const SHOWN_DIGITS = 12;

export function shortPlan(plan: string): string {
  return plan.slice(0, SHOWN_DIGITS);
}

export interface EnvironmentReport {
  readonly name: string;
  readonly revision: string | null;
  readonly state: TargetState;
  readonly error?: ReportedError;
  readonly warnings?: readonly string[];
  /** The tip of its branch, where that failed: `revision` is the last good one then, or the same where none is known. */
  readonly failedRevision?: FailedRevision;
  readonly targets: readonly TargetReport[];
}

const WORST_FIRST: readonly TargetState[] = ["Failed", "Unknown", "Drifted", "Pending", "Suspended", "Synced"];

/** The state of an environment is the worst of its targets'. */
export function worst(states: readonly TargetState[]): TargetState {
  return WORST_FIRST.find((state) => states.includes(state)) ?? "Synced";
}

export function reportError(error: TrueupError, place: string | undefined): ReportedError {
  return {
    code: error.code,
    message: error.message,
    ...(place === undefined ? {} : { where: place }),
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  };
}
