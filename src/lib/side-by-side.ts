import PQueue from "p-queue";

/** Works on so many at a time, and tells what came of each, in their own order, when all have ended. */
export function sideBySide<Item, Result>(
  items: readonly Item[],
  concurrency: number,
  work: (item: Item) => Promise<Result>,
): Promise<readonly PromiseSettledResult<Result>[]> {
  const queue = new PQueue({ concurrency });
  return Promise.allSettled(items.map((item) => queue.add(() => work(item))));
}
