import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { equal, isMap, literal, type Value } from "../../src/core/value.js";
import { readUntyped, writeUntyped } from "../../src/lib/untyped.js";

describe("untyped text", () => {
  it.each<[string, Value]>([
    ["5432", 5432],
    ["-1", -1],
    ["0.5", 0.5],
    ["1e+21", 1e21],
    ["true", true],
    ["false", false],
    ["[1, 2]", [1, 2]],
    ["", ""],
    ["null", "null"],
    ["yes", "yes"],
    ["1.50", "1.50"],
    ["007", "007"],
    ["-0", "-0"],
    ["1e5", "1e5"],
    ["1e+999", "1e+999"],
    [" 5", " 5"],
    ["12:30", "12:30"],
    ["[INFO] started", "[INFO] started"],
    ["{not json}", "{not json}"],
  ])("reads %j", (text, value) => {
    expect(readUntyped(text)).toEqual(value);
  });

  it("keeps long integers exact", () => {
    expect(readUntyped("9007199254740993")).toBe(9007199254740993n);
    expect(writeUntyped(12345678901234567890n)).toBe("12345678901234567890");
  });

  it("reads a map, `__proto__` too", () => {
    const value = readUntyped('{"__proto__": {"a": 1}}');
    expect(isMap(value) && Object.keys(value)).toEqual(["__proto__"]);
  });

  it.each<[Value, string]>([
    ["plain", "plain"],
    [5432, "5432"],
    [false, "false"],
    [["a", 1], '["a",1]'],
    [literal("!include", "a.yaml"), "!include a.yaml"],
  ])("writes text number $#", (value, text) => {
    expect(writeUntyped(value)).toBe(text);
  });

  it("settles after one turn: what was read is written and read as itself", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.double().map(String), fc.bigInt().map(String), fc.json()), (text) => {
        const once = readUntyped(text);
        expect(equal(readUntyped(writeUntyped(once)), once)).toBe(true);
      }),
    );
  });
});
