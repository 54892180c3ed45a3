import { describe, expect, it } from "vitest";
import { literal, mapOf } from "../../src/core/value.js";
import { celValue, compileCel } from "../../src/policies/cel.js";

const where = { file: "policies/drift.yaml", line: 3, column: 11 };
const compile = (expression: string) => compileCel({ expression, variables: { v: "dyn", s: "string", f: { path: "string" } }, where });
const evaluate = async (expression: string, v: unknown = null, s = "") => (await compile(expression))({ v, s, f: { path: "/a" } });

describe("a condition", () => {
  it("is true or it is not; what is no truth value does not match", async () => {
    expect(await evaluate("double(v) < 0.5 * 10.0", 4)).toBe(true);
    expect(await evaluate("f.path == '/b'")).toBe(false);
    expect(await evaluate("v", "text")).toBe(false);
    expect(await evaluate("v == null")).toBe(true);
  });

  it.each(["f.pth == ''", "s == 1", "1 +", "unknown == 1", "s", "s.size(", "f.path == 'a' &&"])(
    "%j is refused when the policy loads, with the place",
    async (expression) => {
      await expect(compile(expression)).rejects.toMatchObject({ code: "POLICY_INVALID", where });
    },
  );

  it("matches with an expression in linear time, in every position that CEL has for it", async () => {
    // With an engine that tries every way, each of them takes days.
    const evil = "a".repeat(40) + "!";
    expect(await evaluate("s.matches('^(a+)+$')", null, evil)).toBe(false);
    expect(await evaluate("!s.matches('^(a|a)*$') && s.matches('!$')", null, evil)).toBe(true);
    expect(await evaluate("[s].exists(x, x.matches('^(a+)+!$'))", null, evil)).toBe(true);
    expect(await evaluate("s == 'matches' || s.matches('b')", null, "abc")).toBe(true);
    expect(await evaluate("s.contains('x.matches(y)') || s . matches ( 'c$' )", null, "abc")).toBe(true);
  });

  it.each(["double(v) > 1.0", "bool(v)", "duration(v) > duration('1s')", "'x'.matches(v)", "{'a': 1.0}[v] == 1.0", "v > 1.0"])(
    "that cannot be evaluated does not say on what: %s",
    async (expression) => {
      for (const value of ["(s3cret", "(?P<s3cret"]) {
        const fault: unknown = await evaluate(expression, value).catch((error: unknown) => error);
        expect(fault).toBeInstanceOf(Error);
        expect(String(fault)).not.toContain("3cret");
      }
    },
  );

  it("cannot reach what is behind the values", async () => {
    await expect(async () => evaluate("v.constructor == null", {})).rejects.toThrow();
    expect(await evaluate("has(v.a) && v.a == 1.0", mapOf([["a", 1]]))).toBe(true);
  });
});

describe("a value in a condition", () => {
  it("is a double, a text, a list, a map, or null where it is absent", () => {
    expect(celValue(undefined)).toBeNull();
    expect(celValue(9007199254740993n)).toBe(9007199254740992);
    expect(celValue(literal("!secret", "x"))).toBe("x");
    expect(celValue([1, { __proto__: null, a: 1n }])).toEqual([1, new Map([["a", 1]])]);
    expect(celValue(mapOf([["__proto__", 1]]))).toEqual(new Map([["__proto__", 1]]));
  });
});
