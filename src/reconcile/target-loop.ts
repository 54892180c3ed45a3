import { setTimeout as delay } from "node:timers/promises";
import { joined } from "../lib/signals.js";
import type { ReadyTarget, RenderedEnvironment, RenderedTarget } from "../render/rendered.js";
import { act } from "./act.js";
import { knowledge, targetPass } from "./environment.js";
import { asTrueupError } from "./pass.js";
import { rolloutFor } from "./rollout.js";
import type { Session } from "./session.js";

export interface TargetLoop {
  /** What git says now; asks for a pass. */
  update(environment: RenderedEnvironment, target: RenderedTarget): void;
  /** Asks for a pass where the last one held something back until another target is done. */
  wake(): void;
  /** Resolves when the pass in hand is done. */
  stop(): Promise<void>;
}

export interface TargetLoopOptions {
  /** Runs a pass when there is room for one. `failing`: the last one could not look. */
  readonly schedule: (pass: () => Promise<void>, failing: boolean) => Promise<void>;
  /** The target has what a revision says, or is done with taking one back: others may have waited for it. */
  readonly done: () => void;
}

/** The first pause after a pass that failed, and the longest, as a multiple of the interval. Each failure doubles it. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 5;

/**
 * Keeps one target true, by itself: no target waits for another. A pass is asked for by the interval, by git and by the
 * target's own push; what asks during a pass gets one more after it. A target that fails is left alone for a while that grows.
 */
export function targetLoop(session: Session, { schedule, done }: TargetLoopOptions): TargetLoop {
  const stopped = new AbortController();
  const { signal, release } = joined([session.stop, stopped.signal]);
  let current: { environment: RenderedEnvironment; target: RenderedTarget } | undefined;
  let running: Promise<void> | undefined;
  let again = false;
  let isWaiting = false;
  let isWoken = false;
  let doneAt = "";
  let failures = 0;
  let notBefore = 0;
  let retry: NodeJS.Timeout | undefined;
  let watching: { key: string; stop: AbortController } | undefined;

  // A function: the compiler takes the signal's state for settled by the first look at it.
  const left = (): boolean => signal.aborted;

  async function pass(): Promise<void> {
    if (current === undefined || signal.aborted) return;
    const { environment, target } = current;
    try {
      const known = await knowledge(session, environment.name);
      const rollout = await rolloutFor(session, environment);
      const context = targetPass(session, { environment, target, known, rollout, signal });
      const report = await act(context, target, { sync: false, confirm: false });
      if (report.state === "Unknown") failed();
      else failures = 0;
      isWaiting = report.findings.some(({ restrained }) => restrained === "waiting");
      const { failed: restoring, revision, rollout: order } = environment;
      // Others wait until it is in sync; where a revision is taken back, until it was looked at and waits for nobody.
      const isDone = restoring === undefined ? report.state === "Synced" : !isWaiting;
      const isNews = isDone && doneAt !== revision;
      doneAt = isDone ? revision : "";
      if (isNews && (order ?? restoring) !== undefined) done();
      if (!("error" in target) && report.state !== "Unknown") watch(environment.name, target);
    } catch (error) {
      if (left()) return;
      failed();
      const { code, message, hint } = asTrueupError(error);
      session.log.error({ environment: environment.name, target: target.name, code, hint }, message);
    }
  }

  function failed(): void {
    failures += 1;
    const longest = Math.max(FIRST_PAUSE, LONGEST_PAUSE * session.config.interval);
    notBefore = performance.now() + Math.min(FIRST_PAUSE * 2 ** (failures - 1), longest) * (0.75 + Math.random() / 2);
  }

  function request(): void {
    if (signal.aborted) return;
    if (running !== undefined) {
      again = true;
      return;
    }
    clearTimeout(retry);
    running = schedule(pass, failures > 0).finally(() => {
      running = undefined;
      // Those that it waits for may have been done before it knew that it waits.
      const isAsked = again || (isWoken && isWaiting);
      again = isWoken = false;
      if (isAsked) request();
      else if (failures > 0) retryLater();
    });
  }

  function retryLater(): void {
    const pause = Math.max(0, notBefore - performance.now());
    // Only where the interval would come later than the back-off ends: the tick asks anyway.
    if (pause < session.config.interval) retry = setTimeout(request, pause).unref();
  }

  /** Listens to the target's own push as long as it is declared as it is. */
  function watch(environment: string, target: ReadyTarget): void {
    const key = JSON.stringify([target.kindName, target.spec, target.connection]);
    if (watching?.key === key) return;
    watching?.stop.abort();
    const mine = { key, stop: new AbortController() };
    watching = mine;
    const until = joined([signal, mine.stop.signal]);
    void listen(environment, target, until.signal).finally(() => {
      until.release();
      if (watching === mine) watching = undefined;
    });
  }

  async function listen(environment: string, target: ReadyTarget, until: AbortSignal): Promise<void> {
    try {
      const opened = await session.target(environment, target);
      if (opened.capabilities.watch) await opened.watch?.(request, until);
    } catch (error) {
      if (until.aborted) return;
      const { code, message } = asTrueupError(error);
      session.log.warn(
        { environment, target: target.name, code },
        `no push any more, the interval goes on: ${message}`,
      );
      // The next pass that succeeds begins to listen again.
      await delay(FIRST_PAUSE, undefined, { signal: until }).catch(ignore);
    }
  }

  return {
    update(environment, target) {
      // Another revision, or another connection in trueup.yaml: what failed before may not fail now.
      const moved = current?.target !== target;
      current = { environment, target };
      if (moved) notBefore = 0;
      if (performance.now() >= notBefore) request();
    },
    wake() {
      if (running !== undefined) isWoken = true;
      else if (isWaiting) request();
    },
    async stop() {
      stopped.abort();
      clearTimeout(retry);
      await running;
      release();
    },
  };
}

function ignore(): void {
  // Asked to leave.
}
