import { setTimeout as delay } from "node:timers/promises";
import { joined } from "../lib/signals.js";
import { followedState } from "../reconcile/followed.js";
import { asTrueupError } from "../reconcile/pass.js";
import type { Session } from "../reconcile/session.js";
import { type Tended, tendRollout } from "../rollouts/tend.js";

/** Between two passes at least, in milliseconds: what is saved comes in bursts. */
const BREATH = 500;
/** Between two questions to probes that are not healthy, in milliseconds: each doubles the pause, up to the second. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 10_000;

/** Tends rollouts while the controller runs: every interval, whenever a pass saved something, and sooner while probes are asked. */
export async function runRollouts(session: Session): Promise<void> {
  const { stop, decided } = session;
  const faults = new Map<string, string>();
  /** Those with a revision that failed at the last look, and those that were not looked at yet. */
  const concerned = new Set(session.config.environments.keys());
  let asked = 0;
  while (!stop.aborted) {
    const rung = [session.news.next, decided.next];
    const all = await Promise.all(
      [...session.config.environments.keys()].map(async (name) => {
        const { environment: rendered } = session.rendered.get(name) ?? {};
        // Not before the targets' own passes know what git says.
        if (rendered === undefined || (rendered.rollout === undefined && !concerned.has(name))) return "idle";
        return tendOne(session, name, { faults, concerned });
      }),
    );
    if (all.some((tended) => tended === "moved" || tended === "failed")) decided.ring();
    asked = all.includes("soon") ? asked + 1 : 0;
    await pause(BREATH, [stop]);
    const next = asked === 0 ? session.config.interval : Math.min(FIRST_PAUSE * 2 ** (asked - 1), LONGEST_PAUSE);
    await pause(Math.min(next, session.config.interval), [stop, ...rung]);
  }
}

interface Tending {
  /** By environment, the fault that was last told. */
  readonly faults: Map<string, string>;
  readonly concerned: Set<string>;
}

/** One that could not be tended is told of once, and tried again. */
async function tendOne(session: Session, name: string, { faults, concerned }: Tending): Promise<Tended> {
  const { stop: signal, log } = session;
  try {
    const source = await session.source();
    const { branch = name } = session.config.environments.get(name) ?? {};
    const tip = source.tip(branch);
    if (tip === undefined) return "idle";
    const environment = await followedState(session, { environment: name, branches: new Map([[branch, tip]]), signal });
    const tended = await tendRollout({ session, environment, signal });
    faults.delete(name);
    if (environment.failed !== undefined || tended === "failed") concerned.add(name);
    else concerned.delete(name);
    return tended;
  } catch (error) {
    if (signal.aborted) return "idle";
    const { code, message, hint } = asTrueupError(error);
    if (faults.get(name) !== message) log.error({ environment: name, event: "rollout", code, hint }, message);
    faults.set(name, message);
    return "idle";
  }
}

async function pause(milliseconds: number, until: readonly AbortSignal[]): Promise<void> {
  const woken = joined(until);
  await delay(milliseconds, undefined, { signal: woken.signal }).catch(() => undefined);
  woken.release();
}
