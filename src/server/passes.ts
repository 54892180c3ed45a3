import { isOver } from "../lib/signals.js";
import { asTrueupError } from "../reconcile/pass.js";
import type { Session } from "../reconcile/session.js";
import { pause } from "./pause.js";

export interface Passes {
  /** As its faults are logged: `promotion`. */
  readonly event: string;
  /** Between two passes at least, in milliseconds: what is saved comes in bursts. */
  readonly breath: number;
  /** What makes the next pass come before its time, taken before each: no ring is missed. */
  readonly rung: () => readonly AbortSignal[];
  readonly pass: () => Promise<unknown>;
}

/** One pass after the other while the controller runs: every interval, and when it is rung for. What fails is told once, and tried again. */
export async function runPasses(session: Session, { event, breath, rung, pass }: Passes): Promise<void> {
  const { stop, log } = session;
  let lastFault = "";
  while (!stop.aborted) {
    const bells = rung();
    let patience = 0;
    try {
      await pass();
      lastFault = "";
    } catch (error) {
      if (isOver(stop)) return;
      const { code, message, hint, retryAfter } = asTrueupError(error);
      if (message !== lastFault) log.error({ event, code, hint }, message);
      lastFault = message;
      patience = retryAfter ?? 0;
    }
    await pause(Math.max(breath, patience), [stop]);
    await pause(session.config.interval, [stop, ...bells]);
  }
}
