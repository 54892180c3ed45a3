import { followedState } from "../reconcile/followed.js";
import { asTrueupError } from "../reconcile/pass.js";
import type { Session } from "../reconcile/session.js";
import { type Tended, tendRollout } from "../rollouts/tend.js";
import { pause } from "./pause.js";

/** Between two passes at least, in milliseconds: what is saved comes in bursts. */
const BREATH = 500;
/** Between two questions to probes that are not healthy, in milliseconds: each doubles the pause, up to the second. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 10_000;

/** Tends rollouts while the controller runs, each environment by itself: none waits for the probes of another. */
export async function runRollouts(session: Session): Promise<void> {
  const { stop, decided } = session;
  const tending = new Map<string, Promise<void>>();
  while (!stop.aborted) {
    const rung = decided.next;
    // trueup.yaml may have been read again, and may name others now.
    for (const name of session.config.environments.keys()) {
      if (tending.has(name)) continue;
      tending.set(
        name,
        runRollout(session, name).finally(() => tending.delete(name)),
      );
    }
    await pause(session.config.interval, [stop, rung]);
  }
  await Promise.all(tending.values());
}

/** One environment: every interval, whenever a pass saved something, and sooner while probes are asked. */
async function runRollout(session: Session, name: string): Promise<void> {
  const { stop, decided } = session;
  const memory: Memory = { fault: "", isConcerned: true };
  let asked = 0;
  while (!stop.aborted && session.config.environments.has(name)) {
    const rung = [session.news.next, decided.next];
    const tended = await tendOne(session, name, memory);
    if (tended === "moved" || tended === "failed") decided.ring();
    asked = tended === "soon" ? asked + 1 : 0;
    await pause(BREATH, [stop]);
    const next = asked === 0 ? session.config.interval : Math.min(FIRST_PAUSE * 2 ** (asked - 1), LONGEST_PAUSE);
    await pause(Math.min(next, session.config.interval), [stop, ...rung]);
  }
}

interface Memory {
  /** The one that was last told. */
  fault: string;
  /** Whether a revision failed at the last look, or there was none yet. */
  isConcerned: boolean;
}

/** One that could not be tended is told of once, and tried again. */
async function tendOne(session: Session, name: string, memory: Memory): Promise<Tended> {
  const { stop: signal, log } = session;
  const rendered = session.rendered.get(name)?.environment;
  // Not before the targets' own passes know what git says.
  if (rendered === undefined) return "soon";
  if (rendered.rollout === undefined && !memory.isConcerned) return "idle";
  try {
    const source = await session.source();
    const { branch = name } = session.config.environments.get(name) ?? {};
    const tip = source.tip(branch);
    if (tip === undefined) return "idle";
    const environment = await followedState(session, { environment: name, branches: new Map([[branch, tip]]), signal });
    const tended = await tendRollout({ session, environment, signal });
    memory.fault = "";
    memory.isConcerned = environment.failed !== undefined || tended === "failed";
    return tended;
  } catch (error) {
    if (signal.aborted) return "idle";
    const { code, message, hint } = asTrueupError(error);
    if (memory.fault !== message) log.error({ environment: name, event: "rollout", code, hint }, message);
    memory.fault = message;
    return "idle";
  }
}
