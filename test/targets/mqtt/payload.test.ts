import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isLiteral, literal, mapOf, type Value } from "../../../src/core/value.js";
import { decodePayload, encodePayload, type PayloadMode } from "../../../src/targets/mqtt/payload.js";

const decode = (text: string, mode: PayloadMode) => decodePayload(Buffer.from(text), mode);
const encode = (value: Value, mode: PayloadMode) => encodePayload(value, mode).toString();

describe("payload: auto", () => {
  it.each<[string, Value]>([
    ["21.5", 21.5],
    ["-3", -3],
    ["1e+21", 1e21],
    ["9007199254740993", 9007199254740993n],
    ["123456789012345678901234567890", 123456789012345678901234567890n],
    ["true", true],
    ["null", null],
    ['{"a":9007199254740993}', { a: 9007199254740993n }],
    [" [1, 2]", [1, 2]],
  ])("reads %j as what it says", (text, value) => {
    expect(decode(text, "auto")).toEqual(value);
  });

  it.each([
    "21.50",
    "1e21",
    "1E5",
    "+1",
    "007",
    "0x10",
    ".5",
    "5.",
    "-0",
    "True",
    "yes",
    "",
    " 1",
    "1e999",
    "NaN",
    "{no json",
    "[1,",
  ])("reads %j as a string: it is not how a number, boolean or null is written", (text) => {
    expect(decode(text, "auto")).toBe(text);
  });

  it("takes a number in quotes for the number: bare text has no types", () => {
    expect(encode("21.5", "auto")).toBe(encode(21.5, "auto"));
  });

  it("writes a literal as its text, and JSON compact", () => {
    expect(encode(literal("toml:local-date", "2026-01-31"), "auto")).toBe("2026-01-31");
    expect(encode({ b: [1, literal("toml:local-date", "2026-01-31")], a: null }, "auto")).toBe(
      '{"b":[1,"2026-01-31"],"a":null}',
    );
  });
});

describe("payload: json and text", () => {
  it("keeps types apart as JSON", () => {
    expect(encode("21.5", "json")).toBe('"21.5"');
    expect(decode('"21.5"', "json")).toBe("21.5");
    expect(encode("", "json")).toBe('""');
  });

  it("holds what is not JSON as an opaque literal that is written back as it was", () => {
    const value = decode("not json", "json");
    expect(value).toEqual(literal("mqtt:text", "not json"));
    expect(encode(value, "json")).toBe("not json");
    expect(isLiteral(decode("[".repeat(500), "json"))).toBe(true);
  });

  it("reads everything as a string as text, and holds no maps", () => {
    expect(decode("21.5", "text")).toBe("21.5");
    expect(encode(21.5, "text")).toBe("21.5");
    expect(() => encode({ a: 1 }, "text")).toThrow(expect.objectContaining({ code: "DOCUMENT_UNREPRESENTABLE" }));
  });
});

describe("every mode", () => {
  const modes: readonly PayloadMode[] = ["auto", "json", "text"];

  it.each(modes)("holds bytes that are not UTF-8 as a literal and writes them back (%s)", (mode) => {
    const bytes = Buffer.from([0xff, 0x00, 0x80]);
    const value = decodePayload(bytes, mode);
    expect(value).toEqual(literal("mqtt:binary", bytes.toString("base64")));
    expect(encodePayload(value, mode)).toEqual(bytes);
  });

  it.each(["auto", "text"] as const)("refuses an empty payload, which would remove the topic (%s)", (mode) => {
    expect(() => encode("", mode)).toThrow(expect.objectContaining({ code: "DOCUMENT_UNREPRESENTABLE" }));
  });

  it.each(modes)("refuses what JSON cannot hold (%s)", (mode) => {
    expect(() => encode(Infinity, mode)).toThrow(expect.objectContaining({ code: "DOCUMENT_UNREPRESENTABLE" }));
    expect(() => encode({ deep: [Number.NaN] }, mode)).toThrow(
      expect.objectContaining({ code: "DOCUMENT_UNREPRESENTABLE" }),
    );
  });

  it.each(modes)("reads back what it wrote, and writes back what it read (%s)", (mode) => {
    const trees = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as Value);
    fc.assert(
      fc.property(
        mode === "text" ? fc.oneof(fc.string(), fc.double(), fc.boolean()) : fc.oneof(trees, fc.bigInt()),
        (value) => {
          let bytes: Buffer;
          try {
            bytes = encodePayload(value, mode);
          } catch {
            return;
          }
          const read = decodePayload(bytes, mode);
          expect(decodePayload(encodePayload(read, mode), mode)).toEqual(read);
        },
      ),
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), (array) => {
        const value = decodePayload(Buffer.from(array), mode);
        expect(decodePayload(encodePayload(value, mode), mode)).toEqual(value);
      }),
    );
  });

  it("takes any key in a JSON payload for data", () => {
    expect(encode(mapOf([["__proto__", 1]]), "auto")).toBe('{"__proto__":1}');
    expect(Object.keys(decode('{"__proto__":1}', "auto") as object)).toEqual(["__proto__"]);
  });
});
