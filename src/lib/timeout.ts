import { TrueupError } from "../core/errors.js";
import { formatDuration } from "./duration.js";

export interface Bound {
  readonly milliseconds: number;
  readonly signal: AbortSignal;
  /** The beginning of the sentence: `prod/settings did not answer`. */
  readonly what: string;
}

/**
 * Runs work that heeds a signal, for a bounded time. Work that does not heed it is left behind when the time is over: a
 * driver that hangs must not hang the caller.
 * @throws TrueupError TARGET_TIMEOUT; the reason of `signal` where that aborts
 */
export async function bounded<T>(work: (signal: AbortSignal) => Promise<T>, bound: Bound): Promise<T> {
  const { milliseconds, signal, what } = bound;
  signal.throwIfAborted();
  const stop = new AbortController();
  const late = new TrueupError("TARGET_TIMEOUT", `${what} within ${formatDuration(milliseconds)}`, {
    hint: "see whether the system is reachable and how loaded it is; `timeout:` of the target allows it more",
  });
  const timer = setTimeout(() => {
    stop.abort(late);
  }, milliseconds);
  const forward = () => {
    stop.abort(signal.reason);
  };
  signal.addEventListener("abort", forward, { once: true });
  try {
    return await Promise.race([work(stop.signal), aborted(stop.signal)]);
  } catch (error) {
    // A driver has its own words for being aborted: the reason says more.
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", forward);
  }
}

/** Rejects a little after the abort, so that work that heeds the signal can finish what it has in hand and say so. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener(
      "abort",
      () => {
        setTimeout(() => {
          reject(signal.reason as Error);
        }, GRACE).unref();
      },
      { once: true },
    );
  });
}

const GRACE = 2_000;
