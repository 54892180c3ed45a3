import { overwrite } from "../core/apply.js";
import type { Outcome } from "../core/change.js";
import { formatPlace, type TrueupError } from "../core/errors.js";
import { joined } from "../lib/signals.js";
import { bounded } from "../lib/timeout.js";
import type { ReadyTarget } from "../render/rendered.js";
import type { Target } from "../targets/target.js";
import { attributed } from "./attribute.js";
import { discretion } from "./hidden.js";
import { type Memo, reported } from "./judge.js";
import { flappingAfterHeals } from "./flapping.js";
import type { Look, Memory } from "./look.js";
import { type Left, memoryAfter } from "./memory.js";
import { asTrueupError, broken, reportOf, see, type TargetPass } from "./pass.js";
import type { Plan } from "./plan.js";
import { reportError, type ReportedFinding, type ReportedOutcome } from "./report.js";
import { sealOf } from "./seal.js";

export interface Writing {
  readonly target: ReadyTarget;
  readonly opened: Target;
  readonly memory: Memory;
  readonly seen: Look;
  readonly plan: Plan;
  /** Aborts when another controller may write. */
  readonly lost: AbortSignal;
}

/** Writes the plan and reads the target again. Last applied advances only for what was written. */
export async function writePlan(
  pass: TargetPass,
  { target, opened, memory, seen, plan, lost }: Writing,
): Promise<Left> {
  const { session, environment } = pass;
  const hash = session.hash();
  const stop = joined([pass.signal, lost]);
  const what = `${environment.name}/${target.name} did not take the changes`;
  const outcomes = await bounded((signal) => opened.apply(plan.changes, signal), {
    milliseconds: target.timeout,
    signal: stop.signal,
    what,
  }).finally(stop.release);
  const after = memoryWith(pass, { target, memory, plan, outcomes });
  const written = new Map(seen.judged.map((judged) => [judged.finding.path, reported(judged, hash)]));
  const discreetly = discretion(target, [target.document, seen.observation.document]);
  const news = outcomes.map((outcome) => reportedOutcome(outcome, written, discreetly));
  try {
    // Set is not in effect: what the target says now is its state.
    const again = await see(pass, target, opened, after);
    const now = await attributed(pass, target, { opened, seen: again, earlier: seen.judged });
    const report = { ...reportOf(pass, target, now), outcomes: news };
    const failure = news.find(({ error }) => error !== undefined)?.error;
    return {
      memory: memoryAfter(after, now),
      report: failure === undefined ? report : { ...report, state: "Failed", error: failure },
      written,
    };
  } catch (error) {
    // Asked to leave after the write in hand: what was not written is still as it was seen.
    const settled = new Set(outcomes.filter(isSettled).map(({ path }) => path));
    const rest = seen.judged.filter(({ finding }) => !settled.has(finding.path));
    const report = pass.signal.aborted ? reportOf(pass, target, { ...seen, judged: rest }) : broken(target, error);
    return { memory: after, report: { ...report, outcomes: news }, written };
  }
}

function isSettled({ result }: Outcome): boolean {
  return result === "applied" || result === "pendingRestart";
}

interface Written {
  readonly target: ReadyTarget;
  readonly memory: Memory;
  readonly plan: Plan;
  readonly outcomes: readonly Outcome[];
}

function memoryWith({ session, environment }: TargetPass, { target, memory, plan, outcomes }: Written): Memory {
  const byPath = new Map(outcomes.map((outcome) => [outcome.path, outcome]));
  const memo: Record<string, Memo[string]> = { ...memory.memo };
  const settings = plan.findings.flatMap(({ path, desired }) => {
    const outcome = byPath.get(path);
    if (outcome?.result === "applied" || outcome?.result === "pendingRestart") return [{ path, value: desired }];
    if (outcome?.result !== "unreachable") return [];
    memo[path] = { why: "unreachable", desired: sealOf(session.hash(), path, desired) };
    // What the system made of the value is what was last applied: it is not the live side that moved.
    return [{ path, value: outcome.live }];
  });
  const settled = new Set(outcomes.filter(isSettled).map(({ path }) => path));
  const healed = plan.findings.filter(({ path, kind }) => kind !== "pending" && settled.has(path));
  const { flapping: guard } = environment.policy.guards;
  const flapping = flappingAfterHeals(memory.flapping, healed, { guard, hash: session.hash(), now: Date.now() });
  return { ...memory, memo, flapping, lastApplied: overwrite(memory.lastApplied ?? {}, settings, target.lists) };
}

function reportedOutcome(
  outcome: Outcome,
  written: ReadonlyMap<string, ReportedFinding>,
  discreetly: (error: TrueupError) => TrueupError,
): ReportedOutcome {
  const { path } = outcome;
  if (outcome.result === "failed") {
    const error = discreetly(asTrueupError(outcome.error));
    return {
      path,
      result: "failed",
      error: reportError(error, error.where === undefined ? undefined : formatPlace(error.where)),
    };
  }
  if (outcome.result !== "applied") return { path, result: outcome.result };
  return { path, result: written.get(path)?.kind === "pending" ? "synced" : "healed" };
}

export interface Adopting {
  readonly opened: Target;
  readonly memory: Memory;
  readonly seen: Look;
}

/** Takes the live values for right: nothing is written, and nothing overwrites them until git says something else. */
export async function adoptLive(
  pass: TargetPass,
  target: ReadyTarget,
  { opened, memory, seen }: Adopting,
): Promise<Left> {
  const hash = pass.session.hash();
  const adopted = seen.judged.filter(
    ({ finding, restrained }) => finding.kind !== "unmanaged" && restrained !== "held",
  );
  const memo: Record<string, Memo[string]> = { ...memory.memo };
  for (const { finding } of adopted) {
    memo[finding.path] = { why: "adopted", desired: sealOf(hash, finding.path, finding.desired) };
  }
  const settings = adopted.map(({ finding }) => ({ path: finding.path, value: finding.live }));
  const after = { ...memory, memo, lastApplied: overwrite(memory.lastApplied ?? {}, settings, target.lists) };
  const again = await see(pass, target, opened, after);
  const now = await attributed(pass, target, { opened, seen: again, earlier: seen.judged });
  return {
    memory: memoryAfter(after, now),
    report: {
      ...reportOf(pass, target, now),
      outcomes: adopted
        .filter(({ note }) => note === undefined)
        .map(({ finding }) => ({ path: finding.path, result: "adopted" as const })),
    },
    written: new Map(adopted.map((judged) => [judged.finding.path, reported(judged, hash)])),
  };
}
