import { setMaxListeners } from "node:events";

export interface JoinedSignal {
  readonly signal: AbortSignal;
  /** To be called when the work is done. */
  readonly release: () => void;
}

/**
 * A signal that aborts when one of the others does, until it is released. Not `AbortSignal.any`: what that returns stays in
 * memory as long as one of its sources lives, and here one of them is the life of the process.
 */
export function joined(sources: readonly AbortSignal[]): JoinedSignal {
  const own = new AbortController();
  // Work that goes on side by side listens many times over: more than the ten from which Node suspects a leak.
  setMaxListeners(0, own.signal);
  const forward = (): void => {
    own.abort(sources.find(({ aborted }) => aborted)?.reason);
  };
  for (const source of sources) source.addEventListener("abort", forward, { once: true });
  if (sources.some(({ aborted }) => aborted)) forward();
  return {
    signal: own.signal,
    release: () => {
      for (const source of sources) source.removeEventListener("abort", forward);
    },
  };
}

/** A function: the compiler takes the signal's state for settled by the first look at it. */
export function isOver(stop: AbortSignal): boolean {
  return stop.aborted;
}
