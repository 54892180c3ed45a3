import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { properties } from "../../src/formats/properties.js";
import {
  decisions,
  editSpecs,
  expectLawfulEdit,
  expectRefusal,
  layouts,
  thrown,
  unitsOf,
  type OwnedLine,
} from "../support/formatting.js";

const options = { file: "app.properties" };
const parse = (text: string): unknown => properties.parse(text, options).value;
const set = (text: string, key: string, value: string): string =>
  properties.edit(text, [{ path: [key], value }], options);

describe("reading properties", () => {
  it.each([
    // The examples of java.util.Properties.load
    ["three spellings of one", "Truth = Beauty\n", { Truth: "Beauty" }],
    ["a colon", " Truth:Beauty\n", { Truth: "Beauty" }],
    ["blanks around a colon", "Truth                    :Beauty\n", { Truth: "Beauty" }],
    [
      "continued lines",
      "fruits                           apple, banana, pear, \\\n                                  cantaloupe, watermelon, \\\n                                  kiwi, mango",
      { fruits: "apple, banana, pear, cantaloupe, watermelon, kiwi, mango" },
    ],
    ["a key alone", "cheeses\n", { cheeses: "" }],
    ["escaped separators in a key", "\\:\\= = x\na\\ b=c", { ":=": "x", "a b": "c" }],
    ["both kinds of comment", "# a=1\n ! b=2\\\nc=3", { c: "3" }],
    ["escapes", "a=\\t\\n\\r\\f\\\\\\z\\u00e9\\uD83D\\uDE00", { a: "\t\n\r\f\\zé😀" }],
    ["text beyond ASCII", "ключ=значение", { ключ: "значение" }],
    ["one separator only", "a==b\nc = :d\ne f = g", { a: "=b", c: ":d", e: "f = g" }],
    ["trailing blanks as data", "a=b \nc= \td\t", { a: "b ", c: "d\t" }],
    ["two backslashes at the end", "a=b\\\\\nc=d", { a: "b\\", c: "d" }],
    ["a continued separator", "a\\\n  = \\\n  b", { a: "b" }],
    ["every kind of line break", "a=1\rb=2\r\nc=3\n", { a: "1", b: "2", c: "3" }],
    ["a backslash at the very end", "a=b\\", { a: "b" }],
    ["an empty key", "=x", { "": "x" }],
    ["a BOM", "\uFEFFa=1", { a: "1" }],
    ["nothing", "", {}],
  ])("takes %s", (_, text, tree) => {
    expect(parse(text)).toEqual(tree);
  });

  it.each([
    ["a broken escape", "a=1\nb=secret\\u12x4", "app.properties:2:9", "four hexadecimal digits"],
    ["a key twice", "a=secret\n\n a : secret", "app.properties:3:2", '"a" is already defined on line 1'],
  ])("refuses %s, and says where but not what", (_, text, place, message) => {
    expectRefusal(() => properties.parse(text, options), place, message);
  });

  it("knows where each value stands", () => {
    const parsed = properties.parse("a.b = 1\n  c \\\n  : 2", options);
    expect(parsed.position("/a.b")).toEqual({ line: 1, column: 7 });
    expect(parsed.position("/c")).toEqual({ line: 3, column: 5 });
  });
});

describe("writing properties", () => {
  it.each([
    ["a=1", "2", "a=2"],
    ["a = 1", "  x  ", "a = \\ \\ x  "],
    ["a : 1", "x=y", "a : x=y"],
    ["a 1", "=x", "a \\=x"],
    ["a", "x", "a=x"],
    ["a=1\\\n  2\nb=3", "x", "a=x\nb=3"],
    ["a=1", "x\ty\nz\\", "a=x\\ty\\nz\\\\"],
    ["a=1", "é😀\u0001", "a=é😀\\u0001"],
    ["a=1", "# no comment", "a=# no comment"],
    ["a=1", "", "a="],
  ])("%j with %j is %j", (text, value, result) => {
    expect(set(text, "a", value)).toBe(result);
    expect(parse(result)).toMatchObject({ a: value });
  });

  it("escapes a new key and takes the style of the last line", () => {
    expect(set("# c\nx : 1\n", "a b:c=#d", "2")).toBe("# c\nx : 1\na\\ b\\:c\\=\\#d : 2\n");
    expect(set("x 1", "é", "2")).toBe("x 1\né 2");
    expect(set("", "a", "2")).toBe("a=2\n");
  });

  it("removes the lines of a key and nothing else", () => {
    const text = "# a\r\na=1\\\r\n  2\r\n\r\nb=3\r\n";
    expect(properties.edit(text, [{ path: ["a"], value: undefined }], options)).toBe("# a\r\n\r\nb=3\r\n");
  });

  it.each([
    ["null", { a: null }],
    ["a list", { a: [1] }],
    ["a map", { a: { b: "1" } }],
    ["what is no map", "x"],
  ])("refuses %s", (_, value) => {
    expect(thrown(() => properties.normalize(value))).toMatchObject({ code: "DOCUMENT_UNREPRESENTABLE" });
  });
});

const unit = unitsOf("ab1 =:#!\\é😀\t\n\r\f'\"$\u0001");
const keys = fc.oneof(
  fc.string({ unit, minLength: 0, maxLength: 4 }),
  fc.constantFrom("a.b", "__proto__", "constructor"),
);
const values = fc.string({ unit, maxLength: 8 });

function documentOf(entries: readonly (readonly [string, string])[], seed: number): OwnedLine[] {
  const { chance, pick } = decisions(seed);
  const lines: OwnedLine[] = [];
  const escape = (text: string, always: RegExp): string =>
    Array.from(text)
      .map((char, index, { length }) => {
        const code = { "\t": "\\t", "\n": "\\n", "\r": "\\r", "\f": "\\f", "\\": "\\\\" }[char];
        if (code !== undefined) return code;
        if (char === "\u0001") return "\\u0001";
        if (always.test(char) || (index === 0 && /[ =:#!]/.test(char))) return `\\${char}`;
        return char === "é" ? pick("é", "\\u00E9", "\\é") : char + (chance(0.1) && index + 1 < length ? "\\\n" : "");
      })
      // Blanks that begin a continued line are no data.
      .reduce((joined, part) => joined + (joined.endsWith("\\\n") && part.startsWith(" ") ? `\\${part}` : part), "");
  for (const [key, value] of entries) {
    if (chance(0.3)) lines.push({ text: pick("# a=1", "", "  ! x", "#\\") });
    const separator = pick("=", " = ", ":", " : ", key === "" ? "=" : "  ");
    const text = pick("", "  ") + escape(key, /[ =:]/) + separator + escape(value, /^$/);
    lines.push({ text, owner: [key] });
  }
  if (chance(0.3)) lines.push({ text: "# the end" });
  return lines;
}

describe("any properties document", () => {
  it("keeps what no edit touches, and says what the edits say", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(keys, values), { selector: ([key]) => key }),
        layouts,
        editSpecs(values, keys),
        fc.nat(),
        (entries, layout, specs, seed) => {
          const tree = Object.fromEntries(entries);
          expectLawfulEdit({ format: properties, tree, lines: documentOf(entries, seed), layout, specs });
        },
      ),
      { numRuns: 1000 },
    );
  });
});
