import { describe, expect, it } from "vitest";
import { applyChanges } from "../../src/core/apply.js";
import type { Change, ListRules } from "../../src/core/change.js";
import { applyEdits } from "../../src/core/edit.js";
import type { Document, Value } from "../../src/core/value.js";

const set = (path: string, desired: Value, expected?: Value): Change => ({ path, expected, desired });
const remove = (path: string, expected: Value): Change => ({ path, expected, desired: undefined });

/** Applies, and holds the edits to the same result as the document. */
function apply(live: Document, changes: readonly Change[], lists: ListRules = {}) {
  const before = structuredClone(live);
  const result = applyChanges(live, changes, lists);
  expect(live).toEqual(before);
  expect(applyEdits(live, result.edits)).toEqual(result.document);
  expect(result.steps.map(({ change }) => change)).toEqual(changes);
  return { ...result, plain: plain(result.document), moved: result.steps.filter((step) => "moved" in step) };
}

function plain(value: Value): unknown {
  return JSON.parse(JSON.stringify(value));
}

describe("maps", () => {
  it("writes, makes missing maps and leaves the rest", () => {
    const { plain, edits } = apply({ a: { b: 1 }, z: 0 }, [set("/a/b", 2, 1), set("/c/d/e", true)]);
    expect(plain).toEqual({ a: { b: 2 }, c: { d: { e: true } }, z: 0 });
    expect(edits.map(({ path }) => path)).toEqual([["a", "b"], ["c"]]);
  });

  it("takes an emptied map away with its last member, and no other", () => {
    const { plain, edits } = apply({ a: { b: { c: 1 } }, d: { e: 1, f: 2 }, g: {} }, [
      remove("/a/b/c", 1),
      remove("/d/e", 1),
    ]);
    expect(plain).toEqual({ d: { f: 2 }, g: {} });
    expect(edits).toEqual([
      { path: ["d", "e"], value: undefined },
      { path: ["a"], value: undefined },
    ]);
  });

  it("keeps a map that loses its last member and gains another", () => {
    const { edits, plain } = apply({ a: { b: 1 } }, [remove("/a/b", 1), set("/a/c", 2)]);
    expect(plain).toEqual({ a: { c: 2 } });
    expect(edits.map(({ path }) => path)).toEqual([
      ["a", "c"],
      ["a", "b"],
    ]);
  });

  it("never drops the document itself", () => {
    expect(apply({ a: 1 }, [remove("/a", 1)]).document).toEqual({});
  });

  it("treats every key as data", () => {
    const live = JSON.parse('{"__proto__":{"x":1},"a/b":{"":1},"a~b":{"constructor":1}}') as Document;
    const { document } = apply(live, [
      set("/__proto__/x", 2, 1),
      set("/a~1b/", 2, 1),
      set("/a~0b/constructor", 2, 1),
      set("/constructor/__proto__", 3),
    ]);
    expect(JSON.stringify(document)).toBe(
      '{"__proto__":{"x":2},"a/b":{"":2},"a~b":{"constructor":2},"constructor":{"__proto__":3}}',
    );
    expect(({} as { x?: number }).x).toBeUndefined();
  });
});

describe("compare-and-set", () => {
  it("leaves a value that is not the expected one, and reports what it is", () => {
    const { document, moved } = apply({ a: 2, b: 1 }, [
      set("/a", 3, 1),
      set("/b", 2, 1),
      set("/a", 3),
      remove("/a", 1),
    ]);
    expect(document).toEqual({ a: 2, b: 2 });
    expect(moved.map((step) => "live" in step && step.live)).toEqual([2, 2, 2]);
  });

  it("compares with the live document as it was given, not with what other changes made of it", () => {
    expect(apply({}, [set("/a", 1), set("/a", 2, 1)]).plain).toEqual({ a: 1 });
  });

  it("has moved where the place cannot be", () => {
    const live = { scalar: 1, list: [1], tags: ["a"], rooms: [{ id: 1 }, {}] };
    const lists: ListRules = { "/tags": "set", "/rooms": { key: "id" } };
    const changes = ["/scalar/x", "/list/x", "/list/01", "/list/3", "/tags/0", "/rooms/1/x"].map((path) =>
      set(path, 9),
    );
    const { moved, plain } = apply(live, changes, lists);
    expect(moved).toHaveLength(changes.length);
    expect(plain).toEqual(live);
  });

  it("compares sets without order, and integers by value", () => {
    const lists: ListRules = { "/tags": "set" };
    expect(apply({ tags: ["b", "a"] }, [set("/tags", ["c"], ["a", "b"])], lists).plain).toEqual({ tags: ["c"] });
    expect(apply({ n: 1n }, [set("/n", 2, 1)]).plain).toEqual({ n: 2 });
  });
});

describe("ordered lists", () => {
  it("appends and removes several positions at once, in whatever order they are named", () => {
    expect(apply({ l: [0] }, [set("/l/3", 3), set("/l/1", 1), set("/l/2", 2)]).plain).toEqual({ l: [0, 1, 2, 3] });
    const long = Array.from({ length: 12 }, (_, index) => index);
    const { plain } = apply({ l: long }, [
      remove("/l/2", 2),
      remove("/l/10", 10),
      remove("/l/9", 9),
      set("/l/0", -1, 0),
    ]);
    expect(plain).toEqual({ l: [-1, 1, 3, 4, 5, 6, 7, 8, 11] });
  });

  it("has moved where a position does not follow on the list's end", () => {
    const { plain, moved } = apply({ l: [0] }, [set("/l/1", 1), set("/l/3", 3)]);
    expect(plain).toEqual({ l: [0, 1] });
    expect(moved).toHaveLength(1);
  });

  it("keeps an emptied list, and an emptied map at its position", () => {
    expect(apply({ l: [1], m: [{ x: 1 }, 2] }, [remove("/l/0", 1), remove("/m/0/x", 1)]).plain).toEqual({
      l: [],
      m: [{}, 2],
    });
  });

  it("writes below a position, nested lists included", () => {
    const { plain } = apply({ l: [[1, { a: 1 }], 2] }, [set("/l/0/1/b", 2), set("/l/0/0", 5, 1), remove("/l/1", 2)]);
    expect(plain).toEqual({ l: [[5, { a: 1, b: 2 }]] });
  });
});

describe("keyed lists", () => {
  const lists: ListRules = { "/rooms": { key: "id" }, "/rooms/*/sensors": { key: "name" } };
  const live = {
    rooms: [
      { id: "bath", t: 22 },
      { id: 3, t: 20, sensors: [{ name: "a/b", on: true }] },
    ],
  };

  it("finds elements by key and edits them by index", () => {
    const { edits } = apply(live, [set("/rooms/3/t", 21, 20), set("/rooms/3/sensors/a~1b/on", false, true)], lists);
    expect(edits.map(({ path }) => path.join("/"))).toEqual(["rooms/1/t", "rooms/1/sensors/0/on"]);
  });

  it("appends elements with their key, whole or by a member", () => {
    const { plain } = apply(
      live,
      [
        set("/rooms/7", { id: 7, t: 18 }),
        set("/rooms/hall/t", 17),
        set("/rooms/hall/n", 1),
        set("/rooms/bath/sensors/s/on", true),
      ],
      lists,
    );
    expect(plain).toEqual({
      rooms: [
        { id: "bath", t: 22, sensors: [{ name: "s", on: true }] },
        live.rooms[1],
        { id: 7, t: 18 },
        { id: "hall", t: 17, n: 1 },
      ],
    });
  });

  it("makes a list that is missing", () => {
    expect(apply({}, [set("/rooms/hall/sensors/s/on", 1), set("/rooms/bath", { t: 1 })], lists).plain).toEqual({
      rooms: [
        { id: "hall", sensors: [{ name: "s", on: 1 }] },
        { id: "bath", t: 1 },
      ],
    });
  });

  it("drops an element with its last setting, and keeps it while others are there", () => {
    const { plain } = apply(live, [remove("/rooms/bath/t", 22), remove("/rooms/3/sensors/a~1b/on", true)], lists);
    expect(plain).toEqual({ rooms: [{ id: 3, t: 20 }] });
    const all = [remove("/rooms/bath/t", 22), remove("/rooms/3/t", 20), remove("/rooms/3/sensors/a~1b/on", true)];
    expect(apply({ ...live, keep: 1 }, all, lists).plain).toEqual({ keep: 1 });
  });

  it("still finds the others after elements came and went", () => {
    const many = { rooms: Array.from({ length: 50 }, (_, id) => ({ id, t: 1 })) };
    const changes = many.rooms.map(({ id }) =>
      id % 2 === 0 ? remove(`/rooms/${id}/t`, 1) : set(`/rooms/${id}/t`, id, 1),
    );
    const { plain } = apply(many, [...changes, set("/rooms/new/t", 0)], lists);
    expect(plain).toEqual({
      rooms: [...many.rooms.filter(({ id }) => id % 2 === 1).map(({ id }) => ({ id, t: id })), { id: "new", t: 0 }],
    });
  });
});
