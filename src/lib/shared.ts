/**
 * Shares work among those who ask for the same within a short time: who asks first does it, for a while the others get what
 * came of it. A failure is not kept. The work must not depend on any one asker's patience: see `unlessAborted`.
 */
export function sharing<Result>(keepMs: number): (key: string, work: () => Promise<Result>) => Promise<Result> {
  const held = new Map<string, { readonly result: Promise<Result>; readonly timer: NodeJS.Timeout }>();
  return (key, work) => {
    const known = held.get(key);
    if (known !== undefined) {
      known.timer.refresh();
      return known.result;
    }
    const result = work();
    const timer = setTimeout(() => held.delete(key), keepMs).unref();
    held.set(key, { result, timer });
    result.catch(() => {
      clearTimeout(timer);
      held.delete(key);
    });
    return result;
  };
}

/** What is awaited, or the signal's reason where that aborts first; the work goes on for whoever else awaits it. */
export async function unlessAborted<T>(awaited: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let abort: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    abort = () => {
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", abort, { once: true });
  });
  try {
    return await Promise.race([awaited, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
