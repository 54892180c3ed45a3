import { setTimeout as delay } from "node:timers/promises";
import PQueue from "p-queue";
import type { TrueupError } from "../core/errors.js";
import { joined } from "../lib/signals.js";
import { DEFAULT_POLICY } from "../policies/drift.js";
import type { RenderedEnvironment } from "../render/rendered.js";
import { tipOf } from "./desired.js";
import { forgetOthers, knowledge, refresh } from "./environment.js";
import { followedState } from "./followed.js";
import { asTrueupError, isFaultOfGit } from "./pass.js";
import type { Session } from "./session.js";
import { decodeStatus } from "./status.js";
import { type TargetLoop, targetLoop } from "./target-loop.js";

/** How long targets wait for git before they are looked at with what git said last, in milliseconds. */
const GIT_PATIENCE = 5_000;

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
  // Targets that failed last time have places of their own: however many hang, those that answer wait for none of them.
  const doubtful = new PQueue({ concurrency: session.config.concurrency });
  const loops = new Map<string, TargetLoop>();
  /** The targets of each environment, as git named them last. */
  const wanted = new Map<string, ReadonlySet<string>>();
  let branches: ReadonlyMap<string, string> | undefined;
  let asking: Promise<void> | undefined;
  let lastFault = "";

  /** Asks git, unless it is being asked. */
  function ask(): Promise<void> {
    asking ??= refresh(session, stop)
      .then(
        (tips) => {
          branches = tips;
        },
        (error: unknown) => {
          if (!stop.aborted) logFault({ event: "git" }, error);
        },
      )
      .finally(() => {
        asking = undefined;
      });
    return asking;
  }

  async function cycle(): Promise<void> {
    passes.concurrency = doubtful.concurrency = session.config.concurrency;
    const asked = ask();
    if (!(await settlesWithin(asked, GIT_PATIENCE))) void asked.then(tick);
    // The mirror still has what git said last: targets are kept true to that.
    const known = branches ?? (await mirrored(session).catch(() => new Map<string, string>()));
    // Nothing was ever heard of git: that a branch is not there is no news yet.
    if (stop.aborted || (branches === undefined && known.size === 0)) return;
    const rendering = new PQueue({ concurrency: RENDERING });
    await rendering.addAll([...session.config.environments.keys()].map((name) => () => renderInto(name, known)));
    await retire();
  }

  async function renderInto(name: string, known: ReadonlyMap<string, string>): Promise<void> {
    let revision: string | undefined;
    try {
      revision = tipOf(session, name, known);
      const environment = await followedState(session, { environment: name, branches: known, signal: stop });
      ({ revision } = environment);
      for (const target of environment.targets) loopOf(`${name}/${target.name}`).update(environment, target);
      const named = environment.targets.map((target) => target.name);
      const before = wanted.get(name);
      wanted.set(name, new Set(named));
      // At the start, too: targets may have gone while no controller ran.
      if (before === undefined || [...before].some((target) => !named.includes(target))) {
        await forgetOthers(session, name, { named, revision });
      }
    } catch (error) {
      if (stop.aborted) return;
      logFault({ environment: name }, error);
      const fault = asTrueupError(error);
      if (isFaultOfGit(fault)) await fail(name, { revision, fault }).catch(ignore);
    }
  }

  /** An environment that git no longer describes fails every target that it had: nothing live is touched, and status says so. */
  async function fail(name: string, { revision, fault }: { revision: string | undefined; fault: TrueupError }) {
    const { records } = await knowledge(session, name);
    for (const [target, record] of records) {
      const kindName = decodeStatus(record.status)?.report.kind ?? "";
      const environment: RenderedEnvironment = {
        ...{ name, revision: revision ?? record.revision ?? "", sync: "manual", prune: false },
        ...{ policy: DEFAULT_POLICY, targets: [], holds: [], warnings: [] },
      };
      loopOf(`${name}/${target}`).update(environment, { name: target, kindName, error: fault });
    }
  }

  function loopOf(key: string): TargetLoop {
    const known = loops.get(key);
    if (known !== undefined) return known;
    const [environment = ""] = key.split("/", 1);
    const loop = targetLoop(session, {
      schedule: (pass, failing) => (failing ? doubtful : passes).add(pass),
      done: () => {
        for (const [other, one] of loops) if (other.startsWith(`${environment}/`)) one.wake();
      },
    });
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
      await session.release(environment, target);
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
  // Taken before each cycle: who rings during one gets another after it.
  let rung = session.decided.next;
  const first = cycle();

  async function forever(): Promise<void> {
    await first;
    while (!stop.aborted) {
      // ±10 %, so that many controllers do not ask one git server in the same second.
      const pause = session.config.interval * (0.9 + Math.random() / 5);
      const woken = joined([stop, rung]);
      await delay(pause, undefined, { signal: woken.signal }).catch(ignore);
      woken.release();
      rung = session.decided.next;
      if (!left()) await cycle();
    }
    await Promise.all([...loops.values()].map((loop) => loop.stop()));
    await Promise.all([passes.onIdle(), doubtful.onIdle()]);
  }

  function tick(): void {
    session.decided.ring();
  }

  return {
    tick,
    settled: first.then(() => passes.onIdle()),
    done: forever(),
  };
}

/** Whether the work is done in time; it goes on where it is not. */
async function settlesWithin(work: Promise<void>, milliseconds: number): Promise<boolean> {
  const enough = new AbortController();
  const { signal } = enough;
  try {
    return await Promise.race([
      work.then(() => true),
      delay(milliseconds, false, { signal, ref: false }).catch(() => false),
    ]);
  } finally {
    enough.abort();
  }
}

function ignore(): void {
  // Woken, or the store is away: the next cycle is not far.
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
