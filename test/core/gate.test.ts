import { expect, it } from "vitest";
import { type JudgedGate, judged, together, withSince } from "../../src/core/gate.js";

const gate = (name: string, state: JudgedGate["state"], since?: string): JudgedGate => ({
  ...{ name, state, reason: "because" },
  ...(since === undefined ? {} : { since }),
});

it("a gate keeps since when it is so, for as long as it is", () => {
  const known = [gate("soak", "pending", "then"), gate("freeze", "pending", "then"), gate("gone", "passed", "then")];
  const now = [gate("soak", "pending"), gate("freeze", "passed"), gate("new", "failed")];
  expect(withSince(now, known, "now").map(({ since }) => since)).toEqual(["then", "now", "now"]);
  // Of what is not under way, nobody knows.
  expect(withSince(now, known, undefined).map((one) => "since" in one)).toEqual([true, false, false]);
});

it("a waiver names who let it through, and is none of a gate that passed by itself", () => {
  const waivers = [{ gate: "soak", by: "ann", reason: "INC-1" }];
  const pending = { state: "pending", reason: "2 h left", todo: "wait" } as const;
  expect(judged("soak", pending, waivers)).toEqual({
    ...{ name: "soak", state: "waived", by: ["ann"], reason: "ann waived it: INC-1 (2 h left)" },
  });
  expect(judged("other", pending, waivers)).toEqual({ name: "other", ...pending });
  expect(judged("soak", { state: "passed", reason: "1 d" }, waivers)).toMatchObject({ state: "passed", reason: "1 d" });
});

it("one gate that failed fails all, one that waits lets all wait", () => {
  expect(together([gate("a", "passed"), gate("b", "waived")])).toBe("passed");
  expect(together([gate("a", "passed"), gate("b", "pending")])).toBe("pending");
  expect(together([gate("a", "pending"), gate("b", "failed")])).toBe("failed");
});
