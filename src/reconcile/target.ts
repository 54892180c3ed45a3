import { TrueupError } from "../core/errors.js";
import type { ReadyTarget, RenderedTarget } from "../render/rendered.js";
import type { Approval, TargetRecord } from "../store/store.js";
import type { PlanRefusal } from "../core/approval.js";
import { approvalOf, endApproval, isVoid, planFor, type Planning, reportedPlans } from "./approval.js";
import { attributed } from "./attribute.js";
import { tellHolds } from "./holds.js";
import { withLease } from "./lease.js";
import type { Memory } from "./look.js";
import { type Left, memoryAfter, memoryOf, remember } from "./memory.js";
import { broken, reportOf, see, type TargetPass } from "./pass.js";
import type { Plan, Wishes } from "./plan.js";
import { reportError, type ReportedError, type ReportedOutcome, shortPlan, type TargetReport } from "./report.js";
import { adoptLive, writePlan } from "./write.js";

/** Looks at one target and says what differs. Writes nothing, neither to the target nor to the store. */
export async function lookAtTarget(pass: TargetPass, target: RenderedTarget): Promise<TargetReport> {
  if ("error" in target) return broken(target, target.error);
  try {
    const opened = await pass.session.target(pass.environment.name, target);
    const seen = await see(pass, target, opened, memoryOf(pass.record, target));
    const report = reportOf(pass, target, await attributed(pass, target, { opened, seen }));
    return { ...report, ...reportedPlans({ pass, target, seen, approval: await approvalOf(pass, target) }) };
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
  const { session, environment, holds: stored } = pass;
  await tellHolds(session, { environment, target, stored, now: new Date().toISOString() });
  const first = await survey(pass, target, wishes);
  if (first.voided !== undefined) await endApproval(pass, first.voided, "approval-void");
  if (first.write === undefined) return remember(pass, target, first.left);
  // A person waits for the controller to finish; the controller has its next cycle.
  const lease = { environment: environment.name, patience: wishes.sync || wishes.heal !== undefined ? 30_000 : 0 };
  const done = await withLease(session, lease, async (lost) => {
    const fresh = { ...pass, record: await recordNow(pass, target) };
    // Another controller, or a person, was here since: what they wrote or adopted is not to be undone by what we knew before.
    const stands = isSame(fresh.record, pass.record) && (await isApproved(fresh, target, first.approval));
    const now = stands ? first : await survey(fresh, target, wishes);
    const report = await remember(fresh, target, (await now.write?.(lost)) ?? now.left);
    // Used once; where nothing at all could be written it stands, for the same plan.
    if (now.write !== undefined && now.approval !== undefined && report.outcomes?.some(isDone) === true) {
      await endApproval(fresh, now.approval, "approval-used");
    }
    return report;
  });
  return done.held ? done.result : { ...first.left.report, refused: leased(done.by, environment.name) };
}

interface Survey {
  /** How the pass leaves the target where nothing is written. */
  readonly left: Left;
  /** Undefined where nothing is to be written. */
  readonly write?: (lost: AbortSignal) => Promise<Left>;
  /** What lets the plan be written. */
  readonly approval?: Approval;
  /** An approval of what is no longer the plan. */
  readonly voided?: Approval;
}

async function survey(pass: TargetPass, target: RenderedTarget, wishes: Wishes): Promise<Survey> {
  const known = memoryOf(pass.record, target);
  if ("error" in target) return { left: { memory: known, report: broken(target, target.error) } };
  const stored = await approvalOf(pass, target);
  const orBroken = async <T>(work: () => Promise<T>, otherwise: (left: Left) => T): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      pass.signal.throwIfAborted();
      return otherwise({ memory: known, report: broken(target, error) });
    }
  };
  return orBroken<Survey>(
    async () => {
      const plan = await planned(pass, target, { wishes, known, stored });
      const { write } = plan;
      return write === undefined
        ? plan
        : {
            ...plan,
            write: (lost) =>
              orBroken(
                () => write(lost),
                (left) => left,
              ),
          };
    },
    (left) => ({ left }),
  );
}

async function planned(
  pass: TargetPass,
  target: ReadyTarget,
  { wishes, known, stored }: { wishes: Wishes; known: Memory; stored: Approval | undefined },
): Promise<Survey> {
  const { session, environment } = pass;
  const memory: Memory = { ...known, confirmedLoss: wishes.confirm ? Infinity : known.confirmedLoss };
  const opened = await session.target(environment.name, target);
  const seen = await attributed(pass, target, { opened, seen: await see(pass, target, opened, memory) });
  const left = { memory: memoryAfter(memory, seen), report: reportOf(pass, target, seen) };
  if (pass.suspended) return { left };
  if (wishes.adopt === "live") {
    return { left, write: () => adoptLive(pass, target, { opened, memory: left.memory, seen }) };
  }
  const voided = isVoid({ pass, target, seen, approval: stored }) ? stored : undefined;
  const planning: Planning = { pass, target, seen, approval: voided === undefined ? stored : undefined };
  const plan = planFor(planning, wishes);
  const report = { ...left.report, ...reportedPlans(planning) };
  const surveyed = { left: { ...left, report }, ...(voided && { voided }) };
  if (plan.changes.length === 0) return surveyed;
  if (plan.refusal !== undefined) {
    const refused = refusedAs(plan, plan.refusal, { environment: environment.name, target: target.name, wishes });
    return { ...surveyed, left: { ...left, report: { ...report, refused } } };
  }
  const write: Survey["write"] = (lost) => writePlan(pass, { target, opened, memory: left.memory, seen, plan, lost });
  const { approval } = planning;
  return { ...surveyed, write, ...(approval !== undefined && approval.plan === plan.hash && { approval }) };
}

/** Whether the approval that a plan was made with is still there: another controller may have used it. */
async function isApproved(pass: TargetPass, target: RenderedTarget, approval: Approval | undefined): Promise<boolean> {
  return approval === undefined || (await approvalOf(pass, target))?.plan === approval.plan;
}

function isDone({ result }: ReportedOutcome): boolean {
  return result !== "failed" && result !== "moved";
}

async function recordNow(
  { session, environment }: TargetPass,
  target: RenderedTarget,
): Promise<TargetRecord | undefined> {
  return (await (await session.store()).records.load(environment.name)).get(target.name);
}

function isSame(a: TargetRecord | undefined, b: TargetRecord | undefined): boolean {
  return a?.lastApplied === b?.lastApplied && a?.status === b?.status;
}

interface Refused {
  readonly environment: string;
  readonly target: string;
  readonly wishes: Wishes;
}

function refusedAs(
  { hash = "", changes }: Plan,
  { code, reasons }: PlanRefusal,
  { environment, target, wishes: { heal } }: Refused,
): ReportedError {
  if (code === "APPROVAL_REQUIRED") {
    const size = changes.length === 1 ? "1 change" : `${changes.length} changes`;
    const what = [`the plan ${shortPlan(hash)} (${size}) waits for an approval`, ...reasons].join("; and ");
    const hint = `look at it with \`trueup approve ${environment}/${target}\`, and approve it with \`trueup approve ${environment}/${target} ${shortPlan(hash)}\``;
    return reportError(new TrueupError(code, what, { hint }), undefined);
  }
  const verb = heal === undefined ? "sync" : "revert";
  const hint = `look at it with \`trueup diff ${environment}\`, and let it through with \`trueup ${verb} ${environment} --confirm\``;
  return reportError(new TrueupError(code, reasons.join("; and "), { hint }), undefined);
}

function leased(holder: string, environment: string): ReportedError {
  const hint = "its writes come first; the next pass looks again";
  return reportError(new TrueupError("STORE_BUSY", `${holder} is writing to ${environment}`, { hint }), undefined);
}
