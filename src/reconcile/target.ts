import { TrueupError } from "../core/errors.js";
import type { ReadyTarget, RenderedTarget } from "../render/rendered.js";
import { withLease } from "./lease.js";
import type { Memory } from "./look.js";
import { memoryAfter, memoryOf, remember } from "./memory.js";
import { broken, reportOf, see, type TargetPass } from "./pass.js";
import { planOf, type Wishes } from "./plan.js";
import { reportError, type ReportedError, type TargetReport } from "./report.js";
import { adoptLive, writePlan } from "./write.js";

/** Looks at one target and says what differs. Writes nothing, neither to the target nor to the store. */
export async function lookAtTarget(pass: TargetPass, target: RenderedTarget): Promise<TargetReport> {
  if ("error" in target) return broken(target, target.error);
  try {
    const opened = await pass.session.target(pass.environment.name, target);
    return reportOf(pass, target, await see(pass, target, opened, memoryOf(pass.record)));
  } catch (error) {
    pass.signal.throwIfAborted();
    return broken(target, error);
  }
}

/**
 * One reconcile pass over one target: read, compare, judge, plan, write under the lease, read again, remember. What concerns
 * the target is the report's state and error; only an abort and a store that fails are thrown.
 */
export async function reconcileTarget(pass: TargetPass, target: RenderedTarget, wishes: Wishes): Promise<TargetReport> {
  const memory = memoryOf(pass.record);
  if ("error" in target) return remember(pass, target, { memory, report: broken(target, target.error) });
  let report: TargetReport;
  try {
    const attempt = await attemptTarget(pass, target, { wishes, memory });
    if ("left" in attempt) return await remember(pass, target, attempt.left);
    return attempt.report;
  } catch (error) {
    pass.signal.throwIfAborted();
    report = broken(target, error);
  }
  return remember(pass, target, { memory, report });
}

type Attempt = { readonly left: Parameters<typeof remember>[2] } | { readonly report: TargetReport };

async function attemptTarget(
  pass: TargetPass,
  target: ReadyTarget,
  { wishes, memory: known }: { wishes: Wishes; memory: Memory },
): Promise<Attempt> {
  const { session, environment } = pass;
  const memory: Memory = { ...known, lossConfirmed: known.lossConfirmed || wishes.confirm };
  const opened = await session.target(environment.name, target);
  const seen = await see(pass, target, opened, memory);
  const report = reportOf(pass, target, seen);
  const after = memoryAfter(memory, seen);
  if (pass.suspended) return { left: { memory: after, report } };
  if (wishes.adopt === "live") {
    const adopted = adoptLive(pass, target, { memory: after, seen });
    return { left: { memory: adopted, report: reportOf(pass, target, await see(pass, target, opened, adopted)) } };
  }
  const plan = planOf(seen.judged, { wishes, guards: environment.policy.guards, managed: seen.comparison.managed });
  if (plan.changes.length === 0) return { left: { memory: after, report } };
  if (plan.refusal !== undefined) {
    return { left: { memory: after, report: { ...report, refused: guarded(plan.refusal, environment.name) } } };
  }
  // A person waits for the controller to finish; the controller has its next cycle.
  const lease = { environment: environment.name, patience: wishes.sync ? 30_000 : 0 };
  const done = await withLease(session, lease, (lost) =>
    writePlan(pass, { target, opened, memory: after, seen, plan, lost }),
  );
  return done.held ? { left: done.result } : { report: { ...report, refused: leased(done.by, environment.name) } };
}

function guarded(refusal: string, environment: string): ReportedError {
  const hint = `look at it with \`trueup diff ${environment}\`, and let it through with \`trueup sync ${environment} --confirm\``;
  return reportError(new TrueupError("GUARD_REFUSED", refusal, { hint }), undefined);
}

function leased(holder: string, environment: string): ReportedError {
  const hint = "its writes come first; the next pass looks again";
  return reportError(new TrueupError("STORE_BUSY", `${holder} is writing to ${environment}`, { hint }), undefined);
}
