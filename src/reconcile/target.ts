import { TrueupError } from "../core/errors.js";
import type { ReadyTarget, RenderedTarget } from "../render/rendered.js";
import type { TargetRecord } from "../store/store.js";
import { attributed } from "./attribute.js";
import { tellHolds } from "./holds.js";
import { withLease } from "./lease.js";
import type { Memory } from "./look.js";
import { type Left, memoryAfter, memoryOf, remember } from "./memory.js";
import { broken, reportOf, see, type TargetPass } from "./pass.js";
import { planOf, type Wishes } from "./plan.js";
import { reportError, type ReportedError, type TargetReport } from "./report.js";
import { adoptLive, writePlan } from "./write.js";

/** Looks at one target and says what differs. Writes nothing, neither to the target nor to the store. */
export async function lookAtTarget(pass: TargetPass, target: RenderedTarget): Promise<TargetReport> {
  if ("error" in target) return broken(target, target.error);
  try {
    const opened = await pass.session.target(pass.environment.name, target);
    const seen = await see(pass, target, opened, memoryOf(pass.record, target));
    return reportOf(pass, target, await attributed(pass, target, { opened, seen }));
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
  if (first.write === undefined) return remember(pass, target, first.left);
  // A person waits for the controller to finish; the controller has its next cycle.
  const lease = { environment: environment.name, patience: wishes.sync || wishes.heal !== undefined ? 30_000 : 0 };
  const done = await withLease(session, lease, async (lost) => {
    const fresh = { ...pass, record: await recordNow(pass, target) };
    // Another controller, or a person, was here since: what they wrote or adopted is not to be undone by what we knew before.
    const now = isSame(fresh.record, pass.record) ? first : await survey(fresh, target, wishes);
    return remember(fresh, target, (await now.write?.(lost)) ?? now.left);
  });
  return done.held ? done.result : { ...first.left.report, refused: leased(done.by, environment.name) };
}

interface Survey {
  /** How the pass leaves the target where nothing is written. */
  readonly left: Left;
  /** Undefined where nothing is to be written. */
  readonly write?: (lost: AbortSignal) => Promise<Left>;
}

async function survey(pass: TargetPass, target: RenderedTarget, wishes: Wishes): Promise<Survey> {
  const known = memoryOf(pass.record, target);
  if ("error" in target) return { left: { memory: known, report: broken(target, target.error) } };
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
      const plan = await planned(pass, target, { wishes, known });
      const { write } = plan;
      return write === undefined
        ? plan
        : {
            left: plan.left,
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
  { wishes, known }: { wishes: Wishes; known: Memory },
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
  const { guards } = environment.policy;
  const { managed } = seen.comparison;
  const freeze = () => guards.freeze(environment.name, Date.now());
  const plan = planOf(seen.judged, { wishes, guards, freeze, managed, exclusive: target.exclusive });
  if (plan.changes.length === 0) return { left };
  if (plan.refusal !== undefined) {
    return { left: { ...left, report: { ...left.report, refused: guarded(plan.refusal, environment.name, wishes) } } };
  }
  return { left, write: (lost) => writePlan(pass, { target, opened, memory: left.memory, seen, plan, lost }) };
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

function guarded(refusal: string, environment: string, { heal }: Wishes): ReportedError {
  const verb = heal === undefined ? "sync" : "revert";
  const hint = `look at it with \`trueup diff ${environment}\`, and let it through with \`trueup ${verb} ${environment} --confirm\``;
  return reportError(new TrueupError("GUARD_REFUSED", refusal, { hint }), undefined);
}

function leased(holder: string, environment: string): ReportedError {
  const hint = "its writes come first; the next pass looks again";
  return reportError(new TrueupError("STORE_BUSY", `${holder} is writing to ${environment}`, { hint }), undefined);
}
