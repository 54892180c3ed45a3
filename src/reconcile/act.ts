import { bounded } from "../lib/timeout.js";
import type { ReadyTarget, RenderedTarget } from "../render/rendered.js";
import { asTrueupError, type TargetPass } from "./pass.js";
import type { Wishes } from "./plan.js";
import { type Reversion, tendProposal } from "./propose.js";
import type { TargetReport } from "./report.js";
import type { Session } from "./session.js";
import { reconcileTarget } from "./target.js";

/** How long one pass gives a forge, in milliseconds; the next one goes on from there. */
const PATIENCE = 30_000;

/**
 * Until when a session leaves its forge alone, by `performance.now()`, and what it said last: one that is down delays no pass
 * twice, and is told of once.
 */
const leftAlone = new WeakMap<Session, { readonly until: number; readonly said: string }>();

/**
 * One reconcile pass over one target, and then what a forge is for: proposing what drifted, and heeding what a person decided
 * there. A forge that fails is told in the log; the target's report is what it is without.
 */
export async function act(pass: TargetPass, target: RenderedTarget, wishes: Wishes): Promise<TargetReport> {
  const report = await reconcileTarget(pass, target, wishes);
  // Without a look there is nothing to say; and of live values that are kept a person says more soon.
  const looked = report.state !== "Unknown" && report.state !== "Failed" && report.state !== "Suspended";
  if ("error" in target || !looked || wishes.adopt !== undefined) return report;
  // What a person heals may end a pull request; to open one is for the passes that follow the policy.
  if (wishes.heal !== undefined && pass.proposal === undefined) return report;
  const reversion = await proposed(pass, target, report);
  if (reversion === undefined) return report;
  const heal: Wishes["heal"] = ({ path }) => reversion.settings.has(path);
  const reverted = await reconcileTarget(pass, target, { sync: false, confirm: false, heal });
  await tell(pass, reverted, reversion);
  return reverted;
}

async function proposed(pass: TargetPass, target: ReadyTarget, report: TargetReport): Promise<Reversion | undefined> {
  const { session, environment, signal } = pass;
  const fault = leftAlone.get(session);
  if (fault !== undefined && fault.until > performance.now()) return undefined;
  try {
    const forge = await session.forge();
    if (forge === undefined) return undefined;
    const reversion = await bounded((stop) => tendProposal({ ...pass, signal: stop }, target, { report, forge }), {
      ...{ milliseconds: PATIENCE, signal },
      what: "the forge did not answer",
    });
    leftAlone.delete(session);
    return reversion;
  } catch (error) {
    signal.throwIfAborted();
    const { code, message, hint, retryAfter } = asTrueupError(error);
    leftAlone.set(session, { until: performance.now() + (retryAfter ?? session.config.interval), said: message });
    const level = fault?.said === message ? "debug" : "error";
    session.log[level]({ environment: environment.name, target: target.name, event: "propose", code, hint }, message);
    return undefined;
  }
}

async function tell(
  { session, environment }: TargetPass,
  { name: target, outcomes = [] }: TargetReport,
  { settings, by }: Reversion,
): Promise<void> {
  const events = outcomes
    .filter(({ path, result }) => settings.has(path) && (result === "healed" || result === "pendingRestart"))
    .map(({ path }) => ({
      ...{ environment: environment.name, target, path, revision: environment.revision, type: "reverted" },
      message: `${by}: reverted ${path} to git`,
      detail: { by },
    }));
  if (events.length > 0) await (await session.store()).history.append(events);
}
