import { describe, expect, it } from "vitest";
import { applyChanges } from "../../src/core/apply.js";
import type { ListRules } from "../../src/core/change.js";
import { compare, type CompareOptions } from "../../src/core/compare.js";
import { TrueupError } from "../../src/core/errors.js";
import { changeOf } from "../../src/core/finding.js";
import type { Document, Value } from "../../src/core/value.js";
import { literal } from "../../src/core/value.js";
import { tableIn } from "../support/tables.js";

const diff = (
  lastApplied: Document | undefined,
  desired: Document,
  live: Document,
  options: Partial<CompareOptions> = {},
) => {
  const {
    findings,
    managed,
    lastApplied: next,
  } = compare({
    lastApplied,
    desired,
    live,
    lists: {},
    prune: false,
    exclusive: false,
    ...options,
  });
  return { findings, managed, next, short: findings.map(({ path, kind, action }) => `${kind} ${action} ${path}`) };
};

describe("the table above `judge`", () => {
  const table = tableIn("core/compare.ts");

  const values: Record<string, (Value | undefined)[]> = {
    "−": [undefined],
    A: [1],
    D: [2],
    L: [3],
    any: [undefined, 1, 2],
    "A or L": [1, 3],
    "L or −": [3, undefined],
  };
  const doc = (value: Value | undefined): Document => (value === undefined ? {} : { s: value });
  const both = [false, true];

  it("has all its rows", () => {
    expect(table).toHaveLength(12);
  });

  it.each(table.map((row) => ({ row, name: row.join(" | ") })))("$name", ({ row }) => {
    const [a = "", d = "", l = "", condition, finding = ""] = row;
    const cases = (values[a] ?? []).flatMap((av) =>
      (values[d] ?? []).flatMap((dv) =>
        (values[l] ?? []).flatMap((lv) =>
          both.flatMap((prune) => both.map((exclusive) => ({ av, dv, lv, prune, exclusive }))),
        ),
      ),
    );
    const held = cases.filter(({ prune, exclusive }) =>
      condition === "" ? true : condition === "neither" ? !prune && !exclusive : prune || exclusive,
    );
    expect(held.length).toBeGreaterThan(0);
    for (const { av, dv, lv, prune, exclusive } of held) {
      const { findings, next, managed } = diff(doc(av), doc(dv), doc(lv), { prune, exclusive });
      const kind = /^\w+/.exec(finding)?.[0];
      expect(findings.map((each) => each.kind)).toEqual(kind === "none" ? [] : [kind]);
      expect(managed).toBe(dv === undefined ? 0 : 1);
      const forgotten = /forgotten|unmanaged/.test(finding);
      expect(next).toEqual(finding === "none: in sync" ? doc(dv) : forgotten ? {} : doc(av));
      for (const each of findings) {
        expect(each).toMatchObject({ path: "/s", desired: dv, live: lv, lastApplied: av });
        expect(each.action).toBe(dv === undefined ? "remove" : lv === undefined ? "create" : "update");
      }
    }
  });
});

describe("maps", () => {
  it("compares leaf by leaf, and remembers what is in sync", () => {
    const { short, next, managed } = diff(
      { a: { b: 1, c: 1, gone: 1 } },
      { a: { b: 2, c: 1, n: { m: 1 } } },
      { a: { b: 1, c: 9, mine: 1 } },
    );
    expect(short).toEqual([
      "pending update /a/b",
      "modified update /a/c",
      "pending create /a/n/m",
      "unmanaged remove /a/mine",
    ]);
    expect(next).toEqual({ a: { b: 1, c: 1 } });
    expect(managed).toBe(3);
  });

  it("spells any key", () => {
    const live = JSON.parse('{"__proto__":{"x":1},"a/b":{"~":1,"":1,"constructor":1,"0":1,"a.b":1}}') as Document;
    expect(diff(undefined, {}, live).short.sort()).toEqual(
      ["/__proto__/x", "/a~1b/", "/a~1b/0", "/a~1b/a.b", "/a~1b/constructor", "/a~1b/~0"].map(
        (path) => `unmanaged remove ${path}`,
      ),
    );
    expect(diff(live, live, {}).short).toHaveLength(6);
    expect(diff({}, JSON.parse('{"toString":{"name":1},"__proto__":1}') as Document, {}).short).toEqual([
      "pending create /toString/name",
      "pending create /__proto__",
    ]);
  });

  it("takes a place where one side has another kind of value as one setting", () => {
    const { findings, next } = diff({ a: { b: 1 } }, { a: { b: 1 } }, { a: [1] });
    expect(findings).toMatchObject([
      { path: "/a", kind: "modified", desired: { b: 1 }, live: [1], lastApplied: { b: 1 } },
    ]);
    expect(next).toEqual({ a: { b: 1 } });
    expect(diff({ a: 5 }, { a: { b: 1 } }, { a: 5 }).short).toEqual(["pending update /a"]);
    expect(diff({ a: 5 }, { a: { b: 1 } }, {}).short).toEqual(["conflicted create /a"]);
    expect(diff({}, { a: null }, { a: {} }).short).toEqual(["conflicted update /a"]);
  });

  it("tells literals and long integers apart by value", () => {
    const tagged = (text: string): Document => ({ a: literal("!secret", text), n: 2n ** 60n });
    expect(diff(undefined, tagged("x"), tagged("x")).short).toEqual([]);
    expect(diff(tagged("x"), tagged("x"), { ...tagged("y"), n: 2n ** 60n + 1n }).short).toEqual([
      "modified update /a",
      "modified update /n",
    ]);
    expect(diff(undefined, { n: 1 }, { n: 1n }).short).toEqual([]);
  });

  it("lets an empty map hold what git does not name", () => {
    const { short, next, managed } = diff(undefined, { a: {} }, { a: { mine: 1 } });
    expect([short, next, managed]).toEqual([["unmanaged remove /a/mine"], { a: {} }, 1]);
    expect(diff(next, { a: {} }, {}).short).toEqual(["missing create /a"]);
  });

  it("empties a map as one change where nothing else is in it", () => {
    const a = { a: { x: 1 } };
    expect(diff(a, { a: {} }, a, { prune: true }).findings).toMatchObject([
      { path: "/a", kind: "pending", action: "update", desired: {}, live: { x: 1 } },
    ]);
    expect(diff(a, { a: {} }, { a: { x: 2 } }, { prune: true }).short).toEqual(["conflicted update /a"]);
    expect(diff(a, { a: {} }, { a: { x: 1, mine: 2 } }, { prune: true }).short).toEqual([
      "pending remove /a/x",
      "unmanaged remove /a/mine",
    ]);
    expect(diff(a, { a: {} }, { a: { x: 1, mine: 2 } }, { exclusive: true }).short).toEqual(["pending update /a"]);
    expect(diff({}, { a: {} }, { a: { mine: 2 } }, { exclusive: true }).short).toEqual(["unmanaged update /a"]);
  });
});

describe("ignored", () => {
  const ignored = (pointer: string) => pointer === "/a/seen" || pointer === "/off";

  it("is neither found, nor counted, nor remembered", () => {
    const all = { a: { seen: 1, x: 1 }, off: { y: 1 } };
    const { short, managed, next } = diff(all, all, { a: { seen: 2, x: 1 } }, { ignored });
    expect([short, managed, next]).toEqual([[], 1, { a: { x: 1 } }]);
  });

  it("keeps a map that would be emptied around it", () => {
    const a = { a: { seen: 1, x: 1 } };
    expect(diff(a, { a: {} }, a, { ignored, prune: true }).short).toEqual(["pending remove /a/x"]);
  });

  it("is not created with its element", () => {
    const lists: ListRules = { "/r": { key: "id" } };
    const { findings } = diff(
      {},
      { r: [{ id: 1, t: 2, seen: 3 }] },
      {},
      { lists, ignored: (p) => p.endsWith("/seen") },
    );
    expect(findings).toMatchObject([{ path: "/r/1", desired: { id: 1, t: 2 } }]);
    expect(findings[0]?.desired).not.toHaveProperty("seen");
  });
});

describe("ordered lists", () => {
  it("compares by position, and owns the list whole whatever `prune` says", () => {
    expect(diff({ l: [1, 2] }, { l: [1, 2] }, { l: [1, 3, 4] }).short).toEqual([
      "modified update /l/1",
      "modified remove /l/2",
    ]);
    expect(diff({ l: [1, 2] }, { l: [1] }, { l: [1, 2] }).short).toEqual(["pending remove /l/1"]);
    expect(diff({ l: [1, 2] }, { l: [1] }, { l: [1, 5] }).short).toEqual(["conflicted remove /l/1"]);
    expect(diff({ l: [1, 2] }, { l: [1, 2] }, { l: [1] }).short).toEqual(["missing create /l/1"]);
    expect(diff({ l: [1] }, { l: [1, 2] }, { l: [1] }).short).toEqual(["pending create /l/1"]);
    expect(diff({ l: [{ x: 1 }] }, { l: [{ x: 1 }] }, { l: [{ x: 1, y: 2 }] }).short).toEqual([
      "modified remove /l/0/y",
    ]);
  });

  it("conflicts wherever a list at first contact differs", () => {
    expect(diff(undefined, { l: [1, 2] }, { l: [1] }).short).toEqual(["conflicted create /l/1"]);
    expect(diff(undefined, { l: [1] }, { l: [1, 2] }).short).toEqual(["conflicted remove /l/1"]);
    expect(diff(undefined, { l: [1, 2] }, {}).short).toEqual(["pending create /l"]);
    expect(diff({ l: [] }, { l: [] }, {}).short).toEqual(["missing create /l"]);
  });

  it("remembers what is in sync", () => {
    expect(diff({ l: [1, 2] }, { l: [5, 2] }, { l: [5, 9] }).next).toEqual({ l: [5, 2] });
    expect(diff(undefined, { l: [5, 2] }, { l: [5, 9] }).next).toEqual({});
  });
});

describe("sets", () => {
  const lists: ListRules = { "/s": "set", "/*/s": "set" };

  it("are one setting without order and doubles", () => {
    expect(
      diff(undefined, { s: [1, 2], a: { s: ["x", "y"] } }, { s: [2, 1, 2], a: { s: ["y", "x"] } }, { lists }),
    ).toMatchObject({
      short: [],
      managed: 2,
    });
    expect(diff({ s: [2, 1] }, { s: [1, 2] }, { s: [1] }, { lists }).short).toEqual(["modified update /s"]);
  });
});

describe("keyed lists", () => {
  const lists: ListRules = { "/rooms": { key: "id" } };
  const rooms = (...list: Value[]): Document => ({ rooms: list });

  it("are compared by key, without order, elements that git does not name left alone", () => {
    const a = rooms({ id: "k", t: 1 }, { id: "b", t: 1 });
    expect(diff(a, a, rooms({ id: "b", t: 1 }, { id: "x", t: 1 }, { id: "k", t: 2 }), { lists }).short).toEqual([
      "modified update /rooms/k/t",
      "unmanaged remove /rooms/x/t",
    ]);
  });

  it("create elements whole, with the key's type", () => {
    expect(diff({}, rooms({ id: 3, t: 1 }), {}, { lists }).findings).toMatchObject([
      { path: "/rooms/3", kind: "pending", action: "create", desired: { id: 3, t: 1 } },
    ]);
    const a = rooms({ id: 3, t: 1 });
    expect(diff(a, a, rooms(), { lists }).short).toEqual(["missing create /rooms/3"]);
    expect(diff(a, a, rooms({ id: "3", t: 1 }), { lists }).short).toEqual(["modified update /rooms/3/id"]);
  });

  it("remove elements setting by setting, the key with the last", () => {
    const a = rooms({ id: "k", t: 1, u: 1 }, { id: "b" });
    const { short, next } = diff(a, rooms(), rooms({ id: "k", t: 1, u: 2, mine: 1 }, { id: "b" }), {
      lists,
      prune: true,
    });
    expect(short).toEqual([
      "pending remove /rooms/k/t",
      "conflicted remove /rooms/k/u",
      "unmanaged remove /rooms/k/mine",
      "pending remove /rooms/b",
    ]);
    expect(next).toEqual(a);
    expect(diff(a, {}, a, { lists }).next).toEqual({});
  });

  it("strip an element of which git names only the key as one change, and keep it", () => {
    const a = rooms({ id: "k" });
    const live = rooms({ id: "k", more: { x: 1, y: 2 } });
    const { findings, managed } = diff(a, a, live, { lists, exclusive: true });
    expect(findings).toMatchObject([
      { path: "/rooms/k", kind: "unmanaged", action: "update", desired: { id: "k" }, live: { id: "k" } },
    ]);
    expect(managed).toBe(1);
    expect(applyChanges(live, findings.map(changeOf), lists).document).toEqual(a);
    const own = diff(rooms({ id: "k", t: 1 }), a, rooms({ id: "k", t: 1, mine: 2 }), { lists, prune: true });
    expect(own.short).toEqual(["pending remove /rooms/k/t", "unmanaged remove /rooms/k/mine"]);
  });

  it("refuse a desired list with doubled or missing keys, naming the element and its list", () => {
    for (const list of [[{ id: 1 }, { id: "1" }], [{ id: 1 }, {}], [1]]) {
      expect(() => diff({}, { rooms: list }, rooms(), { lists })).toThrow(TrueupError);
    }
    expect(() => diff({}, rooms({ id: 1 }, { id: 1 }), rooms(), { lists })).toThrow(
      '/rooms/1 has the same `id` as element 0: "1"',
    );
  });

  it("compare a live list with doubled or missing keys as one setting", () => {
    const a = rooms({ id: "k" });
    expect(diff(a, a, rooms({ id: "k" }, { id: "k" }), { lists }).short).toEqual(["modified update /rooms"]);
  });
});
