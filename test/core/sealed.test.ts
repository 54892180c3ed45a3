import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { ListRules } from "../../src/core/change.js";
import { compare } from "../../src/core/compare.js";
import { isSealed } from "../../src/core/same.js";
import { decodeDocument, encodeDocument, sealDocument } from "../../src/core/sealed.js";
import { type Document, literal, member, type Value } from "../../src/core/value.js";

const keyed = (key: string) => (text: string) => createHmac("sha256", key).update(text).digest("hex");
const hash = keyed("k");
const lists: ListRules = { "/users": { key: "name" }, "/tokens": "set" };
const sensitive = (pointer: string) => /password|token/.test(pointer);
const seal = (document: Document) => sealDocument(document, { sensitive, lists, hash });

const document: Document = {
  host: "x",
  smtp: { password: "hunter2", port: 25 },
  users: [{ name: "a/b", password: 5n }],
  tokens: ["t2", "t1"],
};

const diff = (lastApplied: Document, desired: Document, live: Document, using = hash) =>
  compare({ lastApplied, desired, live, lists, prune: true, exclusive: false, hash: using }).findings.map(
    ({ kind, path }) => `${kind} ${path}`,
  );

describe("sealDocument", () => {
  it("leaves no sensitive value in the clear, and the rest as it was", () => {
    const text = encodeDocument(seal(document));
    expect(text).not.toMatch(/hunter2|t1|t2/);
    expect(text).toMatch(/"host":"x"/);
    expect(text).toMatch(/"port":25/);
  });

  it("shares what has nothing to seal, and is done once", () => {
    const plain: Document = { a: { b: 1 } };
    expect(seal(plain)).toBe(plain);
    expect(seal({})).toEqual({});
    const once = seal(document);
    expect(seal(once)).toBe(once);
  });

  it("asks with pointers in the words of findings", () => {
    const asked: string[] = [];
    sealDocument(document, { lists, hash, sensitive: (pointer) => asked.push(pointer) < 0 });
    expect(asked).toEqual(["/host", "/smtp/password", "/smtp/port", "/users/a~1b/password", "/tokens"]);
  });

  it("gives two settings of one value two seals", () => {
    const { a, b } = sealDocument({ a: "x", b: "x" }, { sensitive: () => true, lists: {}, hash });
    expect(isSealed(a) && isSealed(b) && a.text !== b.text).toBe(true);
  });
});

describe("comparing with a sealed last applied", () => {
  const stored = decodeDocument(encodeDocument(seal(document))) ?? {};
  const change = (password: Value): Document => ({ ...document, smtp: { password, port: 25 } });

  it("tells who moved", () => {
    expect(diff(stored, document, document)).toEqual([]);
    expect(diff(stored, document, change("other"))).toEqual(["modified /smtp/password"]);
    expect(diff(stored, change("new"), document)).toEqual(["pending /smtp/password"]);
    expect(diff(stored, change("new"), change("other"))).toEqual(["conflicted /smtp/password"]);
    expect(diff(stored, document, { ...document, smtp: { port: 25 } })).toEqual(["missing /smtp/password"]);
    expect(diff(stored, { ...document, tokens: ["t1"] }, { ...document, tokens: ["t1", "t2", "t2"] })).toEqual([
      "pending /tokens",
    ]);
  });

  it("tells it inside values that are compared whole", () => {
    expect(diff(stored, document, { ...document, users: [] })).toEqual(["missing /users/a~1b"]);
    expect(diff(stored, document, { ...document, smtp: 5 })).toEqual(["modified /smtp"]);
    expect(diff(stored, { ...document, smtp: 5 }, document)).toEqual(["pending /smtp"]);
  });

  it("knows nothing under another key", () => {
    expect(diff(stored, document, change("other"), keyed("lost"))).toEqual(["conflicted /smtp/password"]);
  });
});

describe("encodeDocument", () => {
  it("gives back every value, however it looks", () => {
    const every: Document = {
      int: 2n ** 70n,
      numbers: [0.1, -0, Number.NaN, Number.POSITIVE_INFINITY],
      literal: literal("!include", "a b"),
      $literal: ["x", "y"],
      $integer: "5",
      nested: { $integer: "5" },
      deeper: { $$integer: { $sealed: "s" } },
      empty: { map: {}, list: [], null: null, text: "", nul: "\0" },
    };
    const back = decodeDocument(encodeDocument(every));
    expect(back).toEqual({ ...every, numbers: [0.1, 0, Number.NaN, Number.POSITIVE_INFINITY] });
    expect(member(back ?? {}, "nested")).toEqual({ $integer: "5" });
  });

  it("keeps __proto__ as data", () => {
    const own = JSON.parse('{"__proto__":{"x":1},"constructor":1}') as Document;
    expect(JSON.stringify(decodeDocument(encodeDocument(own)))).toBe(JSON.stringify(own));
  });

  it.each(["", "{", "[]", "5", '{"a":{"$what":1}}', '{"a":{"$integer":"x"}}', '{"a":{"$literal":[1]}}'])(
    "is undefined for %j",
    (text) => {
      expect(decodeDocument(text)).toBeUndefined();
    },
  );
});
