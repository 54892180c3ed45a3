import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { joined } from "../../src/lib/signals.js";
import { bounded } from "../../src/lib/timeout.js";

const never = new AbortController().signal;
const what = "prod/settings did not answer";

describe("bounded work", () => {
  it("answers, or fails, as the work does", async () => {
    expect(await bounded(() => Promise.resolve(5), { milliseconds: 1_000, signal: never, what })).toBe(5);
    const fault = new Error("broken");
    await expect(bounded(() => Promise.reject(fault), { milliseconds: 1_000, signal: never, what })).rejects.toBe(
      fault,
    );
  });

  it("that heeds its signal ends when the time is over, whatever the driver calls it", async () => {
    const work = (signal: AbortSignal) => delay(60_000, undefined, { signal });
    await expect(bounded(work, { milliseconds: 20, signal: never, what })).rejects.toMatchObject({
      code: "TARGET_TIMEOUT",
      message: "prod/settings did not answer within 20 ms",
    });
  });

  it("may still say what became of it after the time was over", async () => {
    const work = async (signal: AbortSignal) => {
      await delay(60_000, undefined, { signal }).catch(() => undefined);
      return "finished what was in hand";
    };
    expect(await bounded(work, { milliseconds: 20, signal: never, what })).toBe("finished what was in hand");
  });

  it("ends with the reason of the signal that stopped it, and does not begin under one that has aborted", async () => {
    const stop = new AbortController();
    const reason = new Error("leaving");
    const running = bounded((signal) => delay(60_000, undefined, { signal }), {
      milliseconds: 60_000,
      signal: stop.signal,
      what,
    });
    stop.abort(reason);
    await expect(running).rejects.toBe(reason);
    await expect(bounded(() => Promise.resolve(1), { milliseconds: 1, signal: stop.signal, what })).rejects.toBe(
      reason,
    );
  });
});

describe("joined signals", () => {
  it("abort with the first, until released", () => {
    const [a, b] = [new AbortController(), new AbortController()];
    const first = joined([a.signal, b.signal]);
    const second = joined([a.signal, b.signal]);
    second.release();
    b.abort("b");
    expect([first.signal.reason, second.signal.aborted]).toEqual(["b", false]);
    expect(joined([a.signal, b.signal]).signal.reason).toBe("b");
  });
});
