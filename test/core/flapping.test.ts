import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { afterHeal, afterLook, type FlappingGuard, type Healed } from "../../src/core/flapping.js";

const GUARD: FlappingGuard = { heals: 3, within: 30 };
const D = "desired";
const counting = (...heals: number[]): Healed => ({ desired: D, heals });
const stopped = (moved: number, live: string | null = null, told = false): Healed => ({
  desired: D,
  heals: [0, 5, 10],
  stopped: { moved, live, told },
});
const drift = (live: string, desired = D) => ({ desired, live });

describe("the table of flapping", () => {
  it.each([
    ["counting, another desired value", counting(0), 5, drift("x", "other"), undefined],
    ["stopped, another desired value", stopped(10, "x"), 15, drift("x", "other"), undefined],
    ["counting, the last heal is long ago", counting(0, 5), 35, drift("x"), undefined],
    ["counting, drifted", counting(0, 5), 34, drift("x"), counting(0, 5)],
    ["counting, in sync", counting(0, 5), 34, undefined, counting(0, 5)],
    ["stopped, in sync for long", stopped(10), 40, undefined, undefined],
    ["stopped, drifted and unmoved for long", stopped(12, "x", true), 42, drift("x"), undefined],
    ["stopped, in sync and now drifted", stopped(10), 12, drift("x"), stopped(12, "x")],
    ["stopped, drifted elsewhere", stopped(12, "x", true), 41, drift("y"), stopped(41, "y", true)],
    ["stopped, back in sync", stopped(12, "x", true), 41, undefined, stopped(41, null, true)],
    ["stopped, standing still", stopped(12, "x", true), 41, drift("x"), stopped(12, "x", true)],
    ["stopped, in sync", stopped(10), 39, undefined, stopped(10)],
  ])("after a look: %s", (...[, state, at, drifting, expected]) => {
    expect(afterLook(state, { at, drifting }, GUARD)).toEqual(expected);
  });

  it.each([
    ["none", undefined, 5, counting(5)],
    ["counting, of another desired value", { desired: "other", heals: [1, 2] }, 5, counting(5)],
    ["counting, fewer", counting(0), 29, counting(0, 29)],
    ["counting, the first is long ago", counting(0, 5), 30, counting(5, 30)],
    ["counting, enough", counting(0, 5), 10, stopped(10)],
    ["stopped, by a person", stopped(10, "x", true), 20, counting(20)],
  ])("after a heal: %s", (_, state, at, expected) => {
    expect(afterHeal(state, { at, desired: D }, GUARD)).toEqual(expected);
  });

  it("stops at once where one heal is enough", () => {
    expect(afterHeal(undefined, { at: 5, desired: D }, { heals: 1, within: 30 }).stopped).toEqual({
      ...{ moved: 5, live: null, told: false },
    });
  });
});

describe("healing whatever may be healed", () => {
  const move = fc.record({ wait: fc.nat(20), live: fc.constantFrom("x", "y", null) });

  it("heals no more often than `heals` in any `within`, unless git says something else", () => {
    fc.assert(
      fc.property(
        fc.record({ heals: fc.integer({ min: 1, max: 4 }), within: fc.integer({ min: 1, max: 60 }) }),
        fc.array(move, { maxLength: 80 }),
        (guard, moves) => {
          let state: Healed | undefined;
          let at = 0;
          const healed: number[] = [];
          for (const { wait, live } of moves) {
            at += wait;
            const drifting = live === null ? undefined : drift(live);
            state = state && afterLook(state, { at, drifting }, guard);
            if (drifting === undefined || state?.stopped !== undefined) continue;
            healed.push(at);
            state = afterHeal(state, { at, desired: D }, guard);
          }
          for (const from of healed) {
            expect(healed.filter((heal) => heal >= from && heal < from + guard.within).length).toBeLessThanOrEqual(
              guard.heals,
            );
          }
        },
      ),
    );
  });

  it("heals again when nothing moved for `within`, whatever was before", () => {
    fc.assert(
      fc.property(fc.array(move, { maxLength: 40 }), (moves) => {
        let state: Healed | undefined = afterHeal(undefined, { at: 0, desired: D }, { heals: 1, within: 30 });
        let at = 0;
        for (const { wait, live } of moves) {
          at += wait;
          state = state && afterLook(state, { at, drifting: live === null ? undefined : drift(live) }, GUARD);
        }
        const still = state?.stopped?.live;
        const drifting = still === null || still === undefined ? undefined : drift(still);
        expect(state && afterLook(state, { at: at + GUARD.within, drifting }, GUARD)).toBeUndefined();
      }),
    );
  });
});
