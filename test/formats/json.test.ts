import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { draft } from "../../src/core/edit.js";
import type { Edit } from "../../src/core/change.js";
import { LIMITS } from "../../src/core/limits.js";
import { equal, literal, mapOf, type Value } from "../../src/core/value.js";
import { json } from "../../src/formats/json.js";
import { stringifyJson } from "../../src/lib/json.js";
import { draws, drawEdit, tree, type Draw } from "./arbitrary.js";

interface Layout {
  readonly indent: string;
  readonly eol: string;
  readonly end: string;
}

const file = "app.json";
const parse = (text: string): Value => json.parse(text, { file }).value;
const set = (text: string, path: string, value: Value | undefined): string =>
  json.edit(text, [{ path: path.split("/").slice(1), value }], { file });
const lines = (...parts: string[]): string => parts.map((part) => `${part}\n`).join("");

describe("reading JSON", () => {
  it("keeps every digit, takes __proto__ as data, and does not mind a BOM or CRLF", () => {
    const value = parse('\uFEFF{"n": 9007199254740993,\r\n "__proto__": {"x": 1e2}}\r\n');
    expect(
      equal(
        value,
        mapOf([
          ["n", 9007199254740993n],
          ["__proto__", mapOf([["x", 100]])],
        ]),
      ),
    ).toBe(true);
    expect(Object.getPrototypeOf(value)).toBeNull();
  });

  it("knows where each setting is written", () => {
    const parsed = json.parse('\uFEFF{\n  "a": {"b/c": [1, 22]},\n  "d": null\n}', { file });
    expect(parsed.position("/a")).toEqual({ line: 2, column: 3 });
    expect(parsed.position("/a/b~1c/1")).toEqual({ line: 2, column: 20 });
    expect(parsed.position("/d")).toEqual({ line: 3, column: 8 });
    expect(parsed.position("")).toEqual({ line: 1, column: 1 });
    expect(parsed.position("/a/x")).toBeUndefined();
    expect(parsed.position("/d/x")).toBeUndefined();
  });

  it.each([
    ["a comment", '{"a": 1, // no\n "b": 2}', 1, 10],
    ["a trailing comma", '{"a": 1,\n}', 2, 1],
    ["a duplicate key", '{"a": 1,\n "a": 2}', 2, 2],
    ["a number that a double cannot hold", '{"a":\n 1e999}', 2, 2],
    ["an unclosed string", '{"a": "hunter2\n"}', 1, 7],
    ["two documents", "{}\n{}", 2, 1],
    ["an empty text", "", 1, 1],
    ["a leading zero", '{"a": 01}', 1, 8],
  ])("refuses %s with its place and without its values", (_, text, line, column) => {
    expect(() => parse(text)).toThrow(
      expect.objectContaining({ code: "DOCUMENT_INVALID", where: { file, line, column } }) as Error,
    );
    expect(() => parse(text)).not.toThrow(/hunter2/);
  });

  it("refuses what JSON.parse refuses and reads the rest alike", () => {
    const mutilated = fc
      .tuple(
        tree.map((value) => stringifyJson(value, { space: 1 })),
        fc.nat(),
        fc.constantFrom("", ",", "}", '"', "0", "-", "e", "\\", "\n", "\t", "//", "."),
      )
      .map(([text, at, insert]) => text.slice(0, at % text.length) + insert + text.slice((at % text.length) + 1));
    fc.assert(
      fc.property(mutilated, (text) => {
        let expected: unknown;
        try {
          expected = JSON.parse(text);
        } catch {
          expect(() => parse(text)).toThrow();
          return;
        }
        let value: Value;
        try {
          value = parse(text);
        } catch (error) {
          expect(String(error)).toMatch(/duplicate key|too large/);
          return;
        }
        expect(JSON.parse(stringifyJson(value))).toEqual(expected);
      }),
      { numRuns: 1000 },
    );
  });

  it("refuses deep and long documents before any parser sees them", () => {
    const deep = "[".repeat(10_000) + "]".repeat(10_000);
    expect(() => parse(deep)).toThrow(expect.objectContaining({ code: "DOCUMENT_TOO_LARGE" }) as Error);
    const long = `"${"x".repeat(LIMITS.bytes)}"`;
    expect(() => parse(long)).toThrow(expect.objectContaining({ code: "DOCUMENT_TOO_LARGE" }) as Error);
  });
});

describe("editing JSON", () => {
  const hosts = lines("{", '\t"hosts": [', '\t\t"a",', '\t\t"b"', "\t],", '\t"rate": 1.0', "}");

  it("replaces one value and leaves spelling and line ends elsewhere", () => {
    const text = '\uFEFF{\r\n    "rate": 1.0,\r\n    "level": "info"\r\n}';
    expect(set(text, "/level", 'de"bug')).toBe('\uFEFF{\r\n    "rate": 1.0,\r\n    "level": "de\\"bug"\r\n}');
    expect(set(text, "/rate", 1)).toBe(text);
  });

  it("adds members and elements in the document's own layout", () => {
    expect(set(hosts, "/pool/max", 12345678901234567890n)).toBe(
      lines(
        "{",
        '\t"hosts": [',
        '\t\t"a",',
        '\t\t"b"',
        "\t],",
        '\t"rate": 1.0,',
        '\t"pool": {',
        '\t\t"max": 12345678901234567890',
        "\t}",
        "}",
      ),
    );
    expect(set(hosts, "/hosts/2", "c")).toBe(hosts.replace('"b"', '"b",\n\t\t"c"'));
    expect(set('{"a":1,"b":[1,2]}', "/b/2", 3)).toBe('{"a":1,"b":[1,2,3]}');
    expect(set('{"a":1}', "/b/c", [])).toBe('{"a":1,"b":{"c":[]}}');
    expect(set('{ "a": 1 }', "/b", 2)).toBe('{ "a": 1, "b": 2 }');
    expect(set('{\n  "a": {}\n}', "/a/b", 2)).toBe('{\n  "a": {\n    "b": 2\n  }\n}');
  });

  it("removes members and elements with their comma", () => {
    expect(set(hosts, "/rate", undefined)).toBe(hosts.replace(',\n\t"rate": 1.0', ""));
    expect(set(hosts, "/hosts", undefined)).toBe(lines("{", '\t"rate": 1.0', "}"));
    expect(set(hosts, "/hosts/0", undefined)).toBe(hosts.replace('\t\t"a",\n', ""));
    expect(set(hosts, "/hosts/1", undefined)).toBe(hosts.replace(',\n\t\t"b"', ""));
    expect(set('{"a":1,"b":2}', "/a", undefined)).toBe('{"b":2}');
    expect(set('{"a":1}', "/a", undefined)).toBe("{}");
    expect(set('{"a":1}', "/b", undefined)).toBe('{"a":1}');
  });

  it("puts a new member into the place of a removed one", () => {
    const edits: Edit[] = [
      { path: ["rate"], value: undefined },
      { path: ["speed"], value: 2 },
    ];
    expect(json.edit(hosts, edits, { file })).toBe(hosts.replace('"rate": 1.0', '"speed": 2'));
  });

  it("tells equal elements apart by the edits: the one that is named goes", () => {
    const text = lines("[", "  1.0,", "  1,", "  1.00", "]");
    expect(set(text, "/1", undefined)).toBe(lines("[", "  1.0,", "  1.00", "]"));
  });

  it("makes a new document from nothing", () => {
    expect(set("", "/a/b", 1)).toBe(lines("{", '  "a": {', '    "b": 1', "  }", "}"));
  });

  it("refuses what JSON has no word for, and paths through a scalar", () => {
    const unrepresentable = expect.objectContaining({ code: "DOCUMENT_UNREPRESENTABLE" }) as Error;
    expect(() => set("{}", "/a", literal("!secret", "x"))).toThrow(unrepresentable);
    expect(() => set("{}", "/a", Infinity)).toThrow(unrepresentable);
    expect(() => set('{"a": 1}', "/a/b", 1)).toThrow(unrepresentable);
    expect(() => json.normalize(mapOf([["a", literal("toml:local-date", "2026-01-01")]]))).toThrow(unrepresentable);
  });

  it("gives the edited tree for any document, layout and edits", () => {
    const layout = fc.record({
      indent: fc.constantFrom("", " ", "  ", "\t"),
      eol: fc.constantFrom("\n", "\r\n"),
      end: fc.constantFrom("", "\n"),
    });
    fc.assert(fc.property(tree, layout, draws, check), { numRuns: 1500 });
  });
});

function check(value: Value, { indent, eol, end }: Layout, picks: readonly Draw[]): void {
  const text = (JSON.stringify(JSON.parse(stringifyJson(value)), undefined, indent) + end).replaceAll("\n", eol);
  const expected = draft(parse(text));
  const edits = picks.map((pick) => {
    const edit = drawEdit(expected.value(), pick);
    expected.apply(edit);
    return edit;
  });
  const result = json.edit(text, edits, { file });
  expect(equal(parse(result), expected.value())).toBe(true);
  expect(result.endsWith("\n")).toBe(text.endsWith("\n"));
  if (text.includes("\r")) expect(result).not.toMatch(/[^\r]\n/);
}
