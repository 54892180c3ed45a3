import { describe, expect, it } from "vitest";
import {
  circle,
  restoredAfter,
  type Rollout,
  rolloutStep,
  type Standing,
  waitsFor,
  wavesOf,
} from "../../src/core/rollout.js";
import { tableIn } from "../support/tables.js";

const rollout: Rollout = {
  dependsOn: new Map([["c", ["b"]]]),
  groups: [
    { name: "canary", targets: ["a"], probes: ["api"] },
    { name: "rest", targets: ["b", "c"], probes: [] },
  ],
  probeTimeout: 1_000,
};
const standings = (all: Readonly<Record<string, Standing>>) => (target: string) => all[target] ?? "in sync";
const asked = new Set(["canary"]);

const TARGETS: Readonly<Record<string, readonly Standing[][]>> = {
  "one failed": [
    ["failed", "in sync"],
    ["behind", "failed"],
    ["drifted", "failed"],
  ],
  "one behind, none failed": [
    ["behind", "in sync"],
    ["in sync", "behind"],
    ["behind", "drifted"],
  ],
  "one drifted, none behind or failed": [
    ["drifted", "in sync"],
    ["drifted", "drifted"],
  ],
  "all in sync": [["in sync", "in sync"]],
};
const PROBES: Readonly<Record<string, readonly { probes: string[]; healthy: boolean }[]>> = {
  any: [
    { probes: [], healthy: false },
    { probes: ["api"], healthy: false },
    { probes: ["api"], healthy: true },
  ],
  "not yet asked": [{ probes: ["api"], healthy: false }],
  none: [{ probes: [], healthy: false }],
  healthy: [{ probes: ["api"], healthy: true }],
};

describe("a rollout", () => {
  const rows = tableIn("core/rollout.ts");

  it("has a row for each standing of a group", () => {
    expect(rows).toHaveLength(8);
    expect(new Set(rows.map(([targets]) => targets))).toEqual(new Set(Object.keys(TARGETS)));
    expect(new Set(rows.map(([, probes]) => probes))).toEqual(new Set(Object.keys(PROBES)));
  });

  it.each(rows)("of which %s, probes %s: %s", (targets = "", probes = "", step = "") => {
    for (const [a = "behind", b = "behind"] of TARGETS[targets] ?? [])
      for (const one of PROBES[probes] ?? []) {
        const group = { name: "canary", targets: ["a", "b"], probes: one.probes };
        const facts = { standing: standings({ a, b }), healthy: one.healthy ? asked : new Set<string>() };
        const first = { ...rollout, groups: [group] };
        expect(rolloutStep(first, facts).step).toBe(step);
        // What comes after is not looked at before this one is done.
        const then = { name: "rest", targets: ["c"], probes: [] };
        const later = rolloutStep(
          { ...first, groups: [group, then] },
          { ...facts, standing: standings({ a, b, c: "behind" }) },
        );
        expect(later.step).toBe(step === "done" ? "wait" : step);
      }
  });

  it("holds a target back until those that it depends on, and the groups before its own with their probes, are in sync", () => {
    const waits = (target: string, all: Readonly<Record<string, Standing>>, healthy: ReadonlySet<string> = asked) =>
      waitsFor(target, rollout, { standing: standings(all), healthy });
    const behind = { a: "behind", b: "behind", c: "behind" } as const;
    expect(waits("a", behind)).toBeUndefined();
    expect(waits("b", behind)).toBe("a, of the group canary");
    expect(waits("b", { ...behind, a: "failed" })).toBe("a, of the group canary");
    expect(waits("b", { b: "behind" }, new Set())).toBe("the probes of the group canary");
    expect(waits("b", { b: "behind", c: "behind" })).toBeUndefined();
    expect(waits("c", { b: "behind", c: "behind" })).toBe("b");
    expect(waits("c", { b: "failed", c: "behind" })).toBe("b");
    expect(waits("c", { c: "behind" })).toBeUndefined();
    // In no group, as where there are none: only what it depends on counts.
    expect(
      waitsFor("c", { ...rollout, groups: [] }, { standing: standings({ a: "behind" }), healthy: asked }),
    ).toBeUndefined();
  });

  it("goes in waves, and is taken back from the last of those that may have it", () => {
    const waves = wavesOf(rollout);
    expect(waves).toEqual([["a"], ["b"], ["c"]]);
    const after = (target: string, toCome: readonly string[]) =>
      restoredAfter(target, waves, (other) => toCome.includes(other));
    expect(after("c", ["a", "b", "c"])).toBeUndefined();
    expect(after("b", ["a", "b", "c"])).toBe("c");
    expect(after("a", ["a", "b", "c"])).toBe("c");
    expect(after("a", ["a", "b"])).toBe("b");
    expect(after("a", ["a"])).toBeUndefined();
    // One that was not in the rollout waits for nobody.
    expect(after("d", ["a", "b", "c"])).toBeUndefined();
  });

  it("finds what would wait for itself, over groups, too", () => {
    const groups = [
      { name: "canary", targets: ["a"], probes: [] },
      { name: "switch", targets: [], probes: ["api"] },
      { name: "rest", targets: ["b", "c"], probes: [] },
    ];
    expect(circle({ dependsOn: rollout.dependsOn, groups })).toBeUndefined();
    expect(circle({ dependsOn: new Map([["a", ["a"]]]), groups: [] })).toEqual(["a", "a"]);
    expect(
      circle({
        dependsOn: new Map([
          ["a", ["b"]],
          ["b", ["c"]],
          ["c", ["b"]],
        ]),
        groups: [],
      }),
    ).toEqual(["b", "c", "b"]);
    expect(circle({ dependsOn: new Map([["a", ["b"]]]), groups })).toEqual(["a", "b", "a"]);
    expect(
      circle({
        dependsOn: new Map([
          ["b", ["a"]],
          ["c", ["a", "b"]],
        ]),
        groups,
      }),
    ).toBeUndefined();
  });
});
