import { describe, expect, it } from "vitest";
import type { ListRules } from "../../src/core/change.js";
import { TrueupError } from "../../src/core/errors.js";
import { mergeLayers, mergePatch } from "../../src/core/merge.js";
import type { Value } from "../../src/core/value.js";
import { literal } from "../../src/core/value.js";

/** RFC 7396, Appendix A: original, patch, result. */
const APPENDIX_A: readonly (readonly [Value, Value, Value])[] = [
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [
    ["a", "b"],
    ["c", "d"],
    ["c", "d"],
  ],
  [{ a: "b" }, ["c"], ["c"]],
  [{ a: "foo" }, null, null],
  [{ a: "foo" }, "bar", "bar"],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: "b", c: null }, { a: "b" }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

const layered = (values: readonly Value[], lists: ListRules = {}): Value =>
  mergeLayers(
    values.map((value) => ({ value })),
    lists,
  ).value;

function refusal(act: () => unknown): TrueupError {
  try {
    act();
  } catch (error) {
    if (error instanceof TrueupError) return error;
  }
  throw new Error("it went through");
}

describe("RFC 7396", () => {
  it.each(APPENDIX_A)("Appendix A: %j patched by %j is %j", (original, patch, result) => {
    const before = structuredClone(original);
    expect(mergePatch(original, patch)).toEqual(result);
    expect(original).toEqual(before);
  });

  it("keeps null in lists, drops it in maps, also in a map that is new", () => {
    expect(layered([{ a: { b: null, c: [null, { d: null }] } }])).toEqual({ a: { c: [null, { d: null }] } });
  });

  it("treats __proto__ as data, and literals as scalars", () => {
    const patch = JSON.parse('{"__proto__":{"x":1},"constructor":{"y":2}}') as Value;
    expect(JSON.stringify(mergePatch(mergePatch({}, patch), { constructor: { z: 3 } }))).toBe(
      '{"__proto__":{"x":1},"constructor":{"y":2,"z":3}}',
    );
    expect(({} as { x?: number }).x).toBeUndefined();
    const secret = literal("!secret", "x");
    expect(mergePatch({ a: { b: 1 } }, { a: secret })).toEqual({ a: secret });
    expect(mergePatch({ a: secret }, { a: { b: 1 } })).toEqual({ a: { b: 1 } });
  });
});

describe("list rules", () => {
  const lists: ListRules = { "/tags": "set", "/rooms": { key: "id" }, "/rooms/*/tags": "set" };

  it("unite sets", () => {
    expect(layered([{ tags: ["b", "a"] }, { tags: ["c", "a", 1] }, { tags: [1n] }], lists)).toEqual({
      tags: ["b", "a", "c", 1],
    });
    expect(layered([{ tags: ["a"] }, { tags: null }, { tags: ["b"] }], lists)).toEqual({ tags: ["b"] });
  });

  it("merge keyed lists by key, new elements last", () => {
    const base = {
      rooms: [
        { id: "k", t: 20, tags: ["warm"] },
        { id: 3, t: 18 },
      ],
    };
    const patch = {
      rooms: [
        { id: 3, t: null, on: true },
        { id: "b", x: null },
        { id: "k", tags: ["big"] },
      ],
    };
    expect(layered([base, patch], lists)).toEqual({
      rooms: [{ id: "k", t: 20, tags: ["warm", "big"] }, { id: 3, on: true }, { id: "b" }],
    });
  });

  it("take a map of the elements, in which null removes", () => {
    const base = {
      rooms: [
        { id: "k", t: 20 },
        { id: 3, t: 18 },
      ],
    };
    expect(layered([base, { rooms: { k: null, 3: { t: 19 }, b: { t: 1 } } }], lists)).toEqual({
      rooms: [
        { id: 3, t: 19 },
        { id: "b", t: 1 },
      ],
    });
    expect(layered([{ rooms: { k: { t: 1 } } }], lists)).toEqual({ rooms: [{ id: "k", t: 1 }] });
  });

  it.each<[string, Value, string, string]>([
    [
      "a doubled key",
      { rooms: [{ id: "k" }, { id: "k" }] },
      '/rooms/1 has the same `id` as element 0: "k"',
      "/rooms/1",
    ],
    ["a missing key", { rooms: [{ id: "k" }, { t: 1 }] }, "/rooms/1 has no `id` to be matched by", "/rooms/1"],
    ["a scalar element", { rooms: { k: 5 } }, "/rooms/k must be a map or null", "/rooms/k"],
    ["two names", { rooms: { k: { id: "b" } } }, "/rooms/k says another `id` than the name", "/rooms/k"],
    ["a scalar key", { rooms: [{ id: { a: 1 } }] }, "/rooms/0 has no `id`", "/rooms/0"],
  ])("refuse %s, and say where", (_, value, message, place) => {
    const error = refusal(() => mergeLayers([{ value: {} }, { value, place: (file) => ({ file }) }], lists));
    expect(error.code).toBe("DOCUMENT_INVALID");
    expect(error.message).toContain(message);
    expect(error.where).toEqual({ file: place });
  });

  it("hold for what a JSON Patch makes, too", () => {
    const patch = [{ op: "add", path: "/rooms/-", value: { id: "k" } }];
    const error = refusal(() =>
      mergeLayers([{ value: { rooms: [{ id: "k" }] } }, { patch, place: (file) => ({ file }) }], lists),
    );
    expect(error.message).toContain("has the same `id`");
  });
});

describe("layers", () => {
  it("apply in order, merge patches and JSON Patches", () => {
    const { value } = mergeLayers(
      [
        { value: { a: 1, l: [1, 2] } },
        { patch: [{ op: "add", path: "/l/-", value: 3 }] },
        { value: null },
        { value: { a: { b: 1 } } },
        { patch: [{ op: "add", path: "/a/n", value: null }] },
      ],
      {},
    );
    expect(value).toEqual({ a: { b: 1, n: null }, l: [1, 2, 3] });
  });

  it("are empty where there are none", () => {
    expect(mergeLayers([], {}).value).toEqual({});
  });

  it("know which gave a setting its value, and where in it", () => {
    const lists: ListRules = { "/rooms": { key: "id" }, "/tags": "set" };
    const { origin } = mergeLayers(
      [
        {
          value: {
            a: { x: 1, y: 1 },
            l: [1, 2],
            rooms: [
              { id: "b", t: 1 },
              { id: "k", t: 1, u: 1 },
            ],
            tags: ["a"],
          },
        },
        { value: { a: { y: 2 }, rooms: [{ id: "k", t: 2 }], tags: ["b"] } },
        {
          patch: [
            { op: "replace", path: "/l/1", value: { deep: [7] } },
            { op: "replace", path: "/rooms/0/t", value: 5 },
          ],
        },
        { value: { gone: 1, rooms: { "a/b": { t: 3 } } } },
        { value: { gone: null } },
      ],
      lists,
    );
    const at = (pointer: string) => {
      const found = origin(pointer);
      return found && `${found.layer}:${found.pointer}`;
    };
    expect(at("/a/x")).toBe("0:/a/x");
    expect(at("/a/y")).toBe("1:/a/y");
    expect(at("/a")).toBe("1:/a");
    expect(at("/l/0")).toBe("0:/l/0");
    expect(at("/l/1/deep/0")).toBe("2:/0/value/deep/0");
    expect(at("/tags")).toBe("1:/tags");
    expect(at("/rooms/k/t")).toBe("1:/rooms/0/t");
    expect(at("/rooms/k/u")).toBe("0:/rooms/1/u");
    expect(at("/rooms/b/t")).toBe("2:/1/value");
    expect(at("/rooms/a~1b/t")).toBe("3:/rooms/a~1b/t");
    expect(at("/rooms/a~1b/id")).toBe("3:/rooms/a~1b");
    expect(at("/gone")).toBeUndefined();
    expect(at("/a/x/y")).toBeUndefined();
  });

  it("do not find what a higher layer replaced", () => {
    const { origin } = mergeLayers(
      [{ value: { a: { x: 1 }, l: [1, 2] } }, { value: { a: 1, l: [3] } }, { value: { a: { z: 1 } } }],
      {},
    );
    expect(origin("/a/x")).toBeUndefined();
    expect(origin("/l/1")).toBeUndefined();
    expect(origin("/a/z")).toEqual({ layer: 2, pointer: "/a/z" });
  });
});
