/**
 * A promise that rejects with a signal's reason as soon as one of them aborts. Listeners go when it settles: unlike
 * `AbortSignal.any`, nothing of it stays with a signal that lives as long as the connection.
 */
export function abortable<T>(
  signals: readonly AbortSignal[],
  start: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const settle = <V>(done: (value: V) => void) => {
      return (value: V) => {
        for (const signal of signals) signal.removeEventListener("abort", stop);
        done(value);
      };
    };
    const fail = settle(reject);
    const stop = (event: Event) => {
      fail((event.target as AbortSignal).reason);
    };
    const aborted = signals.find((signal) => signal.aborted);
    if (aborted !== undefined) {
      fail(aborted.reason);
      return;
    }
    for (const signal of signals) signal.addEventListener("abort", stop, { once: true });
    start(settle(resolve), fail);
  });
}
