import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parsePointer, type Pointer } from "../../src/core/pointer.js";
import { mergeSettings, type Sides } from "../../src/core/three-way.js";
import { equal, isMap, mapOf, member, type Value } from "../../src/core/value.js";
import { documents } from "../support/trees.js";

type Row = readonly [base: Value | undefined, ours: Value | undefined, theirs: Value | undefined];

/** A document with that setting in it, or without it. */
function at(value: Value | undefined): Value {
  return mapOf(value === undefined ? [] : [["s", value]]);
}

function merge([base, ours, theirs]: Row) {
  return mergeSettings({ base: at(base), ours: at(ours), theirs: at(theirs) });
}

describe("merging by setting", () => {
  it.each<[name: string, row: Row, result: Value | undefined]>([
    ["any, O, O: both have the same", [1, 2, 2], 2],
    ["−, O, O: both added the same", [undefined, 2, 2], 2],
    ["any, −, −: neither has it", [1, undefined, undefined], undefined],
    ["B, B, T: only they changed it", [1, 1, 3], 3],
    ["B, B, −: only they removed it", [1, 1, undefined], undefined],
    ["−, −, T: only they added it", [undefined, undefined, 3], 3],
    ["B, O, B: only we changed it", [1, 2, 1], 2],
    ["B, −, B: only we removed it", [1, undefined, 1], undefined],
    ["−, O, −: only we added it", [undefined, 2, undefined], 2],
    [
      "map, map, map: by member",
      [
        { min: 1, max: 9 },
        { min: 2, max: 9 },
        { min: 1, max: 8 },
      ],
      { min: 2, max: 8 },
    ],
    ["−, map, map: by member", [undefined, { a: 1 }, { b: 2 }], { a: 1, b: 2 }],
    ["scalar, map, map: by member", [5, { a: 1 }, { b: 2 }], { a: 1, b: 2 }],
    ["null is a value as any other", [null, null, 3], 3],
    [
      "a list that one side changed",
      [
        [1, 2],
        [1, 2],
        [1, 2, 3],
      ],
      [1, 2, 3],
    ],
    ["a map that one side made a scalar of", [{ a: 1 }, 2, { a: 1 }], 2],
    ["a map that one side emptied", [{ a: 1 }, { a: 1 }, {}], {}],
  ])("%s", (_, row, result) => {
    const { value, conflicts } = merge(row);
    expect(conflicts).toEqual([]);
    expect(equal(value, at(result))).toBe(true);
  });

  it.each<[name: string, row: Row, path: Pointer]>([
    ["B, O, T: both changed it", [1, 2, 3], "/s"],
    ["B, O, −: we changed what they removed", [1, 2, undefined], "/s"],
    ["B, −, T: they changed what we removed", [1, undefined, 3], "/s"],
    ["−, O, T: both added it", [undefined, 2, 3], "/s"],
    [
      "by member, named to the member",
      [
        { a: 1, b: 1 },
        { a: 2, b: 1 },
        { a: 3, b: 2 },
      ],
      "/s/a",
    ],
    ["a map that one side removed and the other changed", [{ a: 1 }, undefined, { a: 1, b: 2 }], "/s"],
    [
      "a list that both changed, though at other positions",
      [
        [1, 2],
        [0, 2],
        [1, 3],
      ],
      "/s",
    ],
    ["a map that one side changed and the other made a scalar of", [{ a: 1 }, 2, { a: 3 }], "/s"],
  ])("conflict: %s", (_, row, path) => {
    expect(merge(row).conflicts.map((conflict) => conflict.path)).toEqual([path]);
  });

  it("takes `__proto__` for a name as any other", () => {
    const one = (value: Value) => mapOf([["__proto__", mapOf([["a", value]])]]);
    const { value, conflicts } = mergeSettings({ base: one(1), ours: one(1), theirs: one(2) });
    expect(conflicts).toEqual([]);
    expect(equal(value, one(2))).toBe(true);
    expect(mergeSettings({ base: one(1), ours: one(2), theirs: one(3) }).conflicts).toMatchObject([
      { path: "/__proto__/a", ours: 2, theirs: 3 },
    ]);
  });
});

/** Every place of a tree that is no map. */
function leaves(value: Value | undefined, path: readonly string[] = []): (readonly string[])[] {
  if (!isMap(value)) return value === undefined ? [] : [path];
  return Object.keys(value).flatMap((name) => leaves(member(value, name), [...path, name]));
}

function valueAt(value: Value | undefined, path: readonly string[]): Value | undefined {
  return path.reduce<Value | undefined>((here, name) => (isMap(here) ? member(here, name) : undefined), value);
}

describe("for any three documents", () => {
  const three: fc.Arbitrary<Sides> = fc.record({ base: documents, ours: documents, theirs: documents });

  it("a side that changed nothing leaves the other as it is, and the same on both sides is just that", () => {
    fc.assert(
      fc.property(documents, documents, (base, other) => {
        for (const sides of [
          { base, ours: other, theirs: base },
          { base, ours: base, theirs: other },
          { base, ours: other, theirs: other },
        ]) {
          const { value, conflicts } = mergeSettings(sides);
          expect(conflicts).toEqual([]);
          expect(equal(value, other)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("it does not matter which side is ours", () => {
    fc.assert(
      fc.property(three, ({ base, ours, theirs }) => {
        const one = mergeSettings({ base, ours, theirs });
        const other = mergeSettings({ base, ours: theirs, theirs: ours });
        expect(other.conflicts.map(({ path }) => path).sort()).toEqual(one.conflicts.map(({ path }) => path).sort());
        if (one.conflicts.length === 0) expect(equal(one.value, other.value)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it("each setting is as one side has it, and as the side that changed it where only one did", () => {
    fc.assert(
      fc.property(three, ({ base, ours, theirs }) => {
        const { value, conflicts } = mergeSettings({ base, ours, theirs });
        const places = [value, base, ours, theirs].flatMap((tree) => leaves(tree));
        const disputed = conflicts.map(({ path }) => parsePointer(path));
        for (const path of places) {
          if (disputed.some((above) => above.every((name, depth) => path[depth] === name))) continue;
          const [was, our, their, now] = [base, ours, theirs, value].map((tree) => valueAt(tree, path));
          // A map is no setting: what is in it is looked at by itself.
          if ([our, their, now].some(isMap)) continue;
          expect([our, their].some((side) => equal(side, now))).toBe(true);
          if (equal(was, our)) expect(equal(now, their)).toBe(true);
          if (equal(was, their)) expect(equal(now, our)).toBe(true);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
