import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import { TrueupError } from "../../src/core/errors.js";
import { applyPatch } from "../../src/core/json-patch.js";
import { isLiteral, literal, member, type Value, type ValueMap } from "../../src/core/value.js";

interface Vector {
  readonly comment?: string;
  readonly doc: Value;
  readonly patch?: Value;
  readonly expected?: Value;
  readonly error?: string;
}

/** The public json-patch/json-patch-tests, as published on npm. `disabled` ones are run, too: ours passes them. */
const vectors = (file: string): readonly Vector[] =>
  (createRequire(import.meta.url)(`json-patch-test-suite/${file}`) as Vector[]).filter(
    // JSON.parse keeps the last of two members of one name, so this one does not reach us as it was written.
    ({ comment, patch }) => patch !== undefined && comment !== "duplicate ops",
  );

describe.each(["tests.json", "spec_tests.json"])("json-patch-tests: %s", (file) => {
  it("has vectors", () => {
    expect(vectors(file).length).toBeGreaterThan(15);
  });

  it.each(vectors(file).map((vector, index) => ({ name: vector.comment ?? `number ${index}`, vector })))(
    "$name",
    ({ vector: { doc, patch = null, expected, error } }) => {
      const before = structuredClone(doc);
      if (error !== undefined) expect(() => applyPatch(doc, patch)).toThrow(TrueupError);
      else expect(applyPatch(doc, patch)).toEqual(expected ?? doc);
      expect(doc).toEqual(before);
    },
  );
});

describe("applyPatch", () => {
  const code = (patch: Value, document: Value = { a: 1 }): TrueupError => {
    try {
      applyPatch(document, patch, (pointer) => ({ file: pointer, line: 7 }));
    } catch (error) {
      if (error instanceof TrueupError) return error;
    }
    throw new Error("it went through");
  };

  it("names the operation and its place", () => {
    const error = code([
      { op: "test", path: "/a", value: 1 },
      { op: "remove", path: "/b/c" },
    ]);
    expect(error.code).toBe("DOCUMENT_INVALID");
    expect(error.message).toBe("operation 1 of the JSON Patch: there is nothing at /b");
    expect(error.where).toEqual({ file: "/1", line: 7 });
  });

  it.each<[string, Value]>([
    ["no list", { op: "add" }],
    ["an operation that is no map", ["add"]],
    ["a pointer that is none", [{ op: "remove", path: "a" }]],
    ["a stray tilde", [{ op: "remove", path: "/a~2" }]],
    ["an op that is no text", [{ op: 1, path: "" }]],
    ["the whole document removed", [{ op: "remove", path: "" }]],
    ["a value moved into itself", [{ op: "move", from: "/a", path: "/a/b" }]],
    ["an inherited member", [{ op: "remove", path: "/toString" }]],
    ["a position past the end", [{ op: "remove", path: "/-" }]],
  ])("refuses %s", (_, patch) => {
    expect(code(patch).code).toBe("DOCUMENT_INVALID");
  });

  it.each([
    ["nodes", { a: [1, 2] }, { op: "copy", from: "", path: "/a/-" }, /1000000 values/],
    ["levels", { a: {} }, { op: "copy", from: "", path: "/a/b" }, /200 levels/],
    ["characters", { a: ["x".repeat(1_000_000)] }, { op: "copy", from: "/a/0", path: "/a/-" }, /4194304 characters/],
  ])("refuses copies that grow a document past its bounds: %s", (_, document, operation, message) => {
    // The deepest place that there is, one level further with each copy.
    const deeper = (index: number) => ({
      ...operation,
      path: operation.path.replace("/b", "/b/a".repeat(index) + "/b"),
    });
    const patch = Array.from({ length: 300 }, (_, index) => deeper(index));
    const refused = code(patch, document);
    expect(refused.code).toBe("DOCUMENT_TOO_LARGE");
    expect(refused.message).toMatch(message);
  });

  it("does not show values", () => {
    expect(code([{ op: "test", path: "/a", value: "hunter2" }], { a: "hunter3" }).message).not.toMatch(/hunter/);
  });

  it("keeps literals and long integers, and does not step into a literal", () => {
    const document: Value = { secret: literal("!secret", "x"), n: 2n ** 60n };
    const result = applyPatch(document, [
      { op: "copy", from: "/secret", path: "/copy" },
      { op: "copy", from: "/n", path: "/m" },
      { op: "test", path: "/m", value: 2n ** 60n },
    ]) as ValueMap;
    expect(isLiteral(member(result, "copy"))).toBe(true);
    expect(member(result, "m")).toBe(2n ** 60n);
    expect(code([{ op: "test", path: "/secret/tag", value: "!secret" }], document).message).toMatch(/nothing at/);
  });

  it("keeps the order of members that it replaces", () => {
    const result = applyPatch({ a: 1, b: 2 }, [{ op: "replace", path: "/a", value: 3 }]);
    expect(JSON.stringify(result)).toBe('{"a":3,"b":2}');
  });

  it("treats __proto__ as data", () => {
    const result = applyPatch({}, [
      { op: "add", path: "/__proto__", value: {} },
      { op: "add", path: "/__proto__/x", value: 1 },
      { op: "copy", from: "/__proto__", path: "/constructor" },
    ]);
    expect(JSON.stringify(result)).toBe('{"__proto__":{"x":1},"constructor":{"x":1}}');
    expect(({} as { x?: number }).x).toBeUndefined();
  });
});
