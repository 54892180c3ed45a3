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

/** Until when a session leaves its forge alone, by `performance.now()`: one that is down delays no pass twice. */
const leftAlone = new WeakMap<Session, number>();

/**
 * One reconcile pass over one target, and then what a forge is for: proposing what drifted, and heeding what a person decided
 * there. A forge that fails is told in the log; the target's report is what it is without.
 */
export async function act(pass: TargetPass, target: RenderedTarget, wishes: Wishes): Promise<TargetReport> {
  const report = await reconcileTarget(pass, target, wishes);
  // What a person asks for now is not what the policy would propose; and without a look there is nothing to say.
  const looked = report.state !== "Unknown" && report.state !== "Failed" && report.state !== "Suspended";
  if ("error" in target || !looked || wishes.adopt !== undefined || wishes.heal !== undefined) return report;
  const reversion = await proposed(pass, target, report);
  if (reversion === undefined) return report;
  const heal: Wishes["heal"] = ({ path }) => reversion.settings.has(path);
  const reverted = await reconcileTarget(pass, target, { sync: false, confirm: false, heal });
  await tell(pass, reverted, reversion);
  return reverted;
}

async function proposed(pass: TargetPass, target: ReadyTarget, report: TargetReport): Promise<Reversion | undefined> {
  const { session, environment, signal } = pass;
  if ((leftAlone.get(session) ?? 0) > performance.now()) return undefined;
  try {
    const forge = await session.forge();
    if (forge === undefined) return undefined;
    return await bounded((stop) => tendProposal({ ...pass, signal: stop }, target, { report, forge }), {
      ...{ milliseconds: PATIENCE, signal },
      what: "the forge did not answer",
    });
  } catch (error) {
    signal.throwIfAborted();
    const { code, message, hint, retryAfter } = asTrueupError(error);
    leftAlone.set(session, performance.now() + (retryAfter ?? session.config.interval));
    session.log.error({ environment: environment.name, target: target.name, event: "propose", code, hint }, message);
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
