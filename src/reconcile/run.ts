import { setTimeout as delay } from "node:timers/promises";
import PQueue from "p-queue";
import { desiredState, tipOf } from "./desired.js";
import { forgetOthers, refresh } from "./environment.js";
import { asTrueupError } from "./pass.js";
import type { Session } from "./session.js";
import { type TargetLoop, targetLoop } from "./target-loop.js";

/** How many environments are rendered at the same time: rendering is work for the processor. */
const RENDERING = 4;

export interface Controller {
  /** Looks at git now, and at every target. */
  tick(): void;
  /** Resolves when every target has had its first pass. */
  readonly settled: Promise<void>;
  /** Resolves when the session's stop has been heeded and the writes in hand are done. */
  readonly done: Promise<void>;
}

/**
 * The controller: asks git every interval, renders what moved, and gives each target its desired state. It goes on while git,
 * the store or a target is away, with what it knows.
 */
export function runController(session: Session): Controller {
  const { stop, log } = session;
  const passes = new PQueue({ concurrency: session.config.concurrency });
  const loops = new Map<string, TargetLoop>();
  /** The targets of each environment, as git named them last. */
  const wanted = new Map<string, ReadonlySet<string>>();
  let branches: ReadonlyMap<string, string> | undefined;
  let wake = new AbortController();
  let lastFault = "";

  async function cycle(): Promise<void> {
    try {
      branches = await refresh(session, stop);
    } catch (error) {
      if (stop.aborted) return;
      logFault({ event: "git" }, error);
      // The mirror still has what git said last: targets are kept true to that.
      branches ??= await mirrored(session);
    }
    const known = branches;
    const rendering = new PQueue({ concurrency: RENDERING });
    await rendering.addAll([...session.config.environments.keys()].map((name) => () => renderInto(name, known)));
    await retire();
  }

  async function renderInto(name: string, known: ReadonlyMap<string, string>): Promise<void> {
    try {
      const revision = tipOf(session, name, known);
      const environment = await desiredState(session, { environment: name, revision, signal: stop });
      for (const target of environment.targets) loopOf(`${name}/${target.name}`).update(environment, target);
      const named = environment.targets.map((target) => target.name);
      const before = wanted.get(name);
      wanted.set(name, new Set(named));
      // At the start, too: targets may have gone while no controller ran.
      if (before === undefined || [...before].some((target) => !named.includes(target))) {
        await forgetOthers(session, name, { named, revision });
      }
    } catch (error) {
      if (!stop.aborted) logFault({ environment: name }, error);
    }
  }

  function loopOf(key: string): TargetLoop {
    const known = loops.get(key);
    if (known !== undefined) return known;
    const schedule = (pass: () => Promise<void>) => passes.add(pass);
    const loop = targetLoop(session, { schedule, interval: session.config.interval });
    loops.set(key, loop);
    return loop;
  }

  /** Stops the loops of targets that git, and of environments that trueup.yaml, no longer names. */
  async function retire(): Promise<void> {
    for (const [key, loop] of loops) {
      const [environment = "", target = ""] = key.split("/");
      const named = session.config.environments.has(environment) && wanted.get(environment)?.has(target) !== false;
      if (named) continue;
      loops.delete(key);
      await loop.stop();
    }
  }

  function logFault(fields: Record<string, unknown>, error: unknown): void {
    const { code, message, hint, where } = asTrueupError(error);
    const text = `${JSON.stringify(fields)} ${code} ${message}`;
    // The same fault every interval is one line, until another comes between.
    if (text === lastFault) log.debug({ ...fields, code }, message);
    else log.error({ ...fields, code, where, hint }, message);
    lastFault = text;
  }

  // A function: the compiler takes the signal's state for settled by the first look at it.
  const left = (): boolean => stop.aborted;
  const first = cycle();

  async function forever(): Promise<void> {
    await first;
    while (!stop.aborted) {
      // ±10 %, so that many controllers do not ask one git server in the same second.
      const pause = session.config.interval * (0.9 + Math.random() / 5);
      await delay(pause, undefined, { signal: AbortSignal.any([stop, wake.signal]) }).catch(() => undefined);
      if (!left()) await cycle();
    }
    await Promise.all([...loops.values()].map((loop) => loop.stop()));
    await passes.onIdle();
  }

  return {
    tick() {
      wake.abort();
      wake = new AbortController();
    },
    settled: first.then(() => passes.onIdle()),
    done: forever(),
  };
}

/** The branches as the mirror has them, for a start without the remote. */
async function mirrored(session: Session): Promise<ReadonlyMap<string, string>> {
  const source = await session.source();
  const tips = new Map<string, string>();
  for (const { branch } of session.config.environments.values()) {
    const tip = await source.resolve(branch).catch(() => undefined);
    if (tip !== undefined) tips.set(branch, tip);
  }
  return tips;
}
