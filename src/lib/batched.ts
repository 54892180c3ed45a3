import { setImmediate as turn } from "node:timers/promises";

interface Batch<Key, Answer> {
  readonly keys: Set<Key>;
  readonly answers: Promise<ReadonlyMap<Key, Answer>>;
}

/**
 * Asks for many things together: what is wanted within one turn of the event loop, or while the last question is still under
 * way, goes into the next one. Nothing is kept: who comes later is answered anew. A question that fails, fails for all in it.
 */
export function batched<Key, Answer>(
  ask: (keys: readonly Key[]) => Promise<ReadonlyMap<Key, Answer>>,
): (key: Key) => Promise<Answer | undefined> {
  let asking: Promise<unknown> | undefined;
  let next: Batch<Key, Answer> | undefined;

  function begin(): Batch<Key, Answer> {
    const keys = new Set<Key>();
    const answers = Promise.allSettled([asking, turn()]).then(() => {
      next = undefined;
      return ask([...keys]);
    });
    asking = answers;
    return { keys, answers };
  }

  return async (key) => {
    next ??= begin();
    next.keys.add(key);
    return (await next.answers).get(key);
  };
}
