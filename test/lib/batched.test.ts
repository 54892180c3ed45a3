import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { batched } from "../../src/lib/batched.js";

function squares() {
  const asked: (readonly number[])[] = [];
  const square = batched(async (keys: readonly number[]) => {
    asked.push(keys);
    await delay(5);
    if (keys.includes(13)) throw new Error("not thirteen");
    return new Map(keys.filter((key) => key > 0).map((key) => [key, key * key]));
  });
  return { asked, square };
}

describe("what is asked together", () => {
  it("is one question, with each key once; who comes meanwhile shares the next", async () => {
    const { asked, square } = squares();
    const first = Promise.all([square(1), square(2), square(1), square(-1)]);
    await expect.poll(() => asked.length).toBe(1);
    const second = Promise.all([square(3), square(2)]);
    expect(await first).toEqual([1, 4, 1, undefined]);
    expect(await second).toEqual([9, 4]);
    // Nothing is kept.
    expect(await square(1)).toBe(1);
    expect(asked).toEqual([[1, 2, -1], [3, 2], [1]]);
  });

  it("fails together, and is asked again", async () => {
    const { asked, square } = squares();
    const together = await Promise.allSettled([square(13), square(2)]);
    expect(together.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await square(2)).toBe(4);
    expect(asked).toHaveLength(2);
  });
});
