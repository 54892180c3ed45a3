import type { Forge } from "../forges/forge.js";
import { bounded } from "../lib/timeout.js";
import type { ReadyTarget, RenderedTarget } from "../render/rendered.js";
import { asTrueupError, type TargetPass } from "./pass.js";
import type { Wishes } from "./plan.js";
import { tendProposal } from "./proposal/propose.js";
import type { TargetReport } from "./report.js";
import { revertSettings } from "./proposal/reversion.js";
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
  if ("error" in target || !looked || wishes.adopt === "live") return report;
  // What a person heals may end a pull request; to open one is for the passes that follow the policy.
  const isAsked = wishes.heal !== undefined || wishes.adopt === "desired";
  if (isAsked && pass.proposal === undefined) return report;
  const reversion = await atForge(pass, target, (context, forge) => tendProposal(context, target, { report, forge }));
  if (reversion === undefined) return report;
  const reverted = await revertSettings(pass, target, reversion);
  const { answer } = reversion;
  if (answer !== undefined) await atForge(pass, target, (context) => answer(context, reverted));
  return reverted;
}

/** Works with the forge for a while; undefined where there is none, or it fails. */
async function atForge<T>(
  pass: TargetPass,
  target: ReadyTarget,
  work: (pass: TargetPass, forge: Forge) => Promise<T>,
): Promise<T | undefined> {
  const { session, environment, signal } = pass;
  const fault = leftAlone.get(session);
  if (fault !== undefined && fault.until > performance.now()) return undefined;
  try {
    const forge = await session.forge();
    if (forge === undefined) return undefined;
    const result = await bounded((stop) => work({ ...pass, signal: stop }, forge), {
      ...{ milliseconds: PATIENCE, signal },
      what: "the forge did not answer",
    });
    leftAlone.delete(session);
    return result;
  } catch (error) {
    signal.throwIfAborted();
    const { code, message, hint, retryAfter } = asTrueupError(error);
    leftAlone.set(session, { until: performance.now() + (retryAfter ?? session.config.interval), said: message });
    const level = fault?.said === message ? "debug" : "error";
    session.log[level]({ environment: environment.name, target: target.name, event: "propose", code, hint }, message);
    return undefined;
  }
}
