import { type ErrorCode, formatPlace, TrueupError } from "../core/errors.js";
import type { ReadyTarget, RenderedEnvironment, RenderedTarget } from "../render/rendered.js";
import type { Hold, TargetRecord } from "../store/store.js";
import type { Target } from "../targets/target.js";
import { discretion } from "./hidden.js";
import { reported } from "./judge.js";
import { type Look, look, type Memory } from "./look.js";
import { reportError, type TargetReport, type TargetState } from "./report.js";
import type { Restraint } from "./restraint.js";
import type { Session } from "./session.js";

/** One pass over one target: what it works with. */
export interface TargetPass {
  readonly session: Session;
  readonly environment: RenderedEnvironment;
  /** What the store has of the target. */
  readonly record: TargetRecord | undefined;
  readonly suspended: boolean;
  /** Holds and guards that stand between the policy and the act; the first that speaks. */
  readonly restraints: readonly Restraint[];
  /** The environment's holds as the store has them. */
  readonly holds: readonly Hold[];
  /** What the store has of its drift pull request: see `proposal-desk.ts`. */
  readonly proposal: string | undefined;
  readonly signal: AbortSignal;
}

/** Reads and compares, within the target's time. @throws as `look` does */
export function see(pass: TargetPass, target: ReadyTarget, opened: Target, memory: Memory): Promise<Look> {
  const { session, environment, restraints, signal } = pass;
  return look({ environment, target, opened, memory, restraints, hash: session.hash(), now: new Date() }, signal);
}

/** What was seen, as it may be shown. */
export function reportOf({ session, suspended }: TargetPass, target: ReadyTarget, seen: Look): TargetReport {
  const findings = seen.judged.map((judged) => reported(judged, session.hash()));
  const { pendingRestart = [] } = seen.observation;
  return {
    name: target.name,
    kind: target.kindName,
    state: suspended ? "Suspended" : stateOf(findings.map(({ kind }) => kind)),
    findings,
    ...(pendingRestart.length === 0 ? {} : { pendingRestart }),
  };
}

function stateOf(kinds: readonly string[]): TargetState {
  if (kinds.length === 0) return "Synced";
  return kinds.every((kind) => kind === "pending") ? "Pending" : "Drifted";
}

/** What fails because of git is `Failed`; what could not be read is `Unknown`. */
const FAULTS_OF_GIT: ReadonlySet<ErrorCode> = new Set([
  ...([
    "CONFIG_INVALID",
    "ENVIRONMENT_INVALID",
    "DOCUMENT_INVALID",
    "DOCUMENT_TOO_LARGE",
    "DOCUMENT_UNREPRESENTABLE",
  ] as const),
  ...(["POLICY_INVALID", "SECRET_MISSING", "TARGET_REFUSED", "TARGET_CONFLICT"] as const),
  ...(["GIT_REVISION_MISSING", "GIT_UNSUPPORTED", "GIT_UNSIGNED"] as const),
]);

export function isFaultOfGit({ code }: TrueupError): boolean {
  return FAULTS_OF_GIT.has(code);
}

/** The report of a target about which nothing can be said. */
export function broken(target: RenderedTarget, error: unknown): TargetReport {
  const fault = asTrueupError(error);
  const known = "error" in target ? fault : discretion(target, [target.document])(fault);
  return {
    name: target.name,
    kind: target.kindName,
    state: isFaultOfGit(known) ? "Failed" : "Unknown",
    error: reportError(known, known.where === undefined ? undefined : formatPlace(known.where)),
    findings: [],
  };
}

/** An error without a code is a fault of Trueup's own or of a driver; its message may hold a value and is not shown. */
export function asTrueupError(error: unknown): TrueupError {
  if (error instanceof TrueupError) return error;
  return new TrueupError("INTERNAL", "an unexpected fault", {
    cause: error,
    hint: "run with --verbose, and report what it says",
  });
}
