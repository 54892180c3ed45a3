import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Edit } from "../../src/core/change.js";
import { LIMITS } from "../../src/core/limits.js";
import { literal, type Value, type ValueMap } from "../../src/core/value.js";
import { toml } from "../../src/formats/toml.js";
import {
  decisions,
  editSpecs,
  expectLawfulEdit,
  expectRefusal,
  layouts,
  thrown,
  unitsOf,
} from "../support/formatting.js";
import { tomlLines } from "../support/toml-writer.js";

const options = { file: "app.toml" };
const parse = (text: string): Value => toml.parse(text, options).value;
const edit = (text: string, ...edits: Edit[]): string => toml.edit(text, edits, options);
const set = (text: string, path: string, value: Value): string => edit(text, { path: path.split("/"), value });
const remove = (text: string, path: string): string => edit(text, { path: path.split("/"), value: undefined });

describe("reading TOML", () => {
  it.each<[string, string, Value]>([
    ["tables, dots and arrays of tables", "a.b = 1\n[c.d]\n'e f' = [1, [2]]\n[[g]]\n[g.h]\ni = {j = true}\n[[g]]", { a: { b: 1 }, c: { d: { "e f": [1, [2]] } }, g: [{ h: { i: { j: true } } }, {}] }], // prettier-ignore
    [
      "integers past 2^53 exactly",
      "a = 9007199254740993\nb = 0xFF\nc = 1_000",
      { a: 9007199254740993n, b: 255, c: 1000 },
    ],
    ["floats", "a = 1.0\nb = 5e+22\nc = -0.5", { a: 1, b: 5e22, c: -0.5 }],
    ["inf and nan as literals", "a = +inf\nb = -inf\nc = nan", { a: literal("toml:float", "inf"), b: literal("toml:float", "-inf"), c: literal("toml:float", "nan") }], // prettier-ignore
    [
      "dates and times as literals with all their digits",
      "a = 1979-05-27 07:32:00.123456789z\nb = [1979-05-27T07:32:00]\nc = 1979-05-27\n[[d]]\ne = {f = 07:32:00.5}",
      {
        a: literal("toml:offset-date-time", "1979-05-27T07:32:00.123456789Z"),
        b: [literal("toml:local-date-time", "1979-05-27T07:32:00")],
        c: literal("toml:local-date", "1979-05-27"),
        d: [{ e: { f: literal("toml:local-time", "07:32:00.5") } }],
      },
    ],
    ["a prototype's name as data", "[constructor]\nprototype.x = 1", { constructor: { prototype: { x: 1 } } }],
    ["a BOM and CRLF", "\uFEFFa = 1\r\n# c\r\nb = '''\r\nx'''\r\n", { a: 1, b: "x" }],
    ["nothing", "", {}],
  ])("takes %s", (_, text, tree) => {
    expect(parse(text)).toEqual(tree);
  });

  it("takes __proto__ as a key", () => {
    const tree = parse("__proto__ = 1\n[x.__proto__]\na = 1") as ValueMap;
    expect(Object.keys(tree)).toEqual(["__proto__", "x"]);
    expect(Object.keys(tree.x as ValueMap)).toEqual(["__proto__"]);
  });

  it.each([
    ["a value that is missing", "a = 1\nsecret =", "app.toml:2:9", "not valid TOML"],
    ["a string that does not close", 'a = "secret', "app.toml:1:5", "not valid TOML"],
    ["a key twice", "a = 1\r\n# c\r\na = 'secret'", "app.toml:3:1", "already defined"],
    ["a table twice", "[a]\nb = 'secret'\n[a]", "app.toml:3:2", "already defined"],
    ["text after a value", "a = 1 secret", "app.toml:1:7", "not valid TOML"],
    ["a bare word", "a = secret", "app.toml:1:5", "not valid TOML"],
    ["a date that is none", "\uFEFFa = 1979-13-01", "app.toml:1:5", "date"],
    ["a float beyond a double", "x = 1\na = 1e400", "app.toml:2:5", "too large"],
  ])("refuses %s, and says where but not what", (_, text, place, message) => {
    expectRefusal(() => parse(text), place, message);
  });

  it.each([
    ["10,000 levels of lists", `a = ${"[".repeat(10_000)}${"]".repeat(10_000)}`],
    ["10,000 levels of tables", `a = ${"{b=".repeat(10_000)}1${"}".repeat(10_000)}`],
    ["10,000 levels of dots", `${"a.".repeat(10_000)}a = 1`],
    ["a header of 10,000 names", `[${"a.".repeat(10_000)}a]`],
    ["17 MB", `a = "${"x".repeat(17 << 20)}"`],
  ])("refuses %s", (_, text) => {
    expect(thrown(() => parse(text))).toMatchObject({ code: "DOCUMENT_TOO_LARGE", where: { file: "app.toml" } });
  });

  it("takes nesting up to the bound", () => {
    const depth = LIMITS.depth - 1;
    expect(() => parse(`a = ${"[".repeat(depth)}${"]".repeat(depth)}`)).not.toThrow();
  });

  it("knows where values and tables stand", () => {
    const text = '\uFEFFa.b = 1\r\n[c."d.e"]\nf = [ 1,\n  {g = 2} ]\n[[h]]\n[[h]]\n# 😀\n[h.i]\nj="😀"\nk=1';
    const parsed = toml.parse(text, options);
    const places = [
      "/a",
      "/a/b",
      "/c",
      "/c/d.e",
      "/c/d.e/f",
      "/c/d.e/f/1",
      "/c/d.e/f/1/g",
      "/h/1",
      "/h/1/i/k",
      "/h/2",
      "/x",
    ];
    expect(places.map((pointer) => Object.values(parsed.position(pointer) ?? {}).join(":"))).toEqual([
      "1:1",
      "1:7",
      "2:2",
      "2:4",
      "3:5",
      "4:3",
      "4:8",
      "6:3",
      "10:3",
      "",
      "",
    ]);
  });
});

const TEXT = `# The predictor

title = 'x' # t
pool.max = 10   # dots

# The server.
[server]
port   = 8080 # p
ratio = 1.0
hosts = [
  "a", # first, one
  "b"  # second, two
]
opts = { x = 1, y = { z = 2 } }

# after the server

[[rooms]]
id = "k"
[rooms.extra]
n = 1

[[rooms]]
id = "l"

[deep.er.table]
k = """
several
lines"""
`;

describe("editing TOML in place", () => {
  it.each<[string, string, Value, string, string]>([
    ["a value, in its quotes", "title", "y", "title = 'x' # t", "title = 'y' # t"],
    ["a value that its quotes cannot hold", "title", "it's", "title = 'x' # t", 'title = "it\'s" # t'],
    ["a value of another kind", "title", [1, { a: "b" }], "title = 'x' # t", 'title = [1, { a = "b" }] # t'],
    ["a number beside its alignment", "server/port", 9, "port   = 8080 # p", "port   = 9 # p"],
    ["a float that stays one", "server/ratio", 2, "ratio = 1.0", "ratio = 2.0"],
    ["lines in triple quotes", "deep/er/table/k", "other\nlines", "several\nlines", "other\nlines"],
    ["a member of an inline table", "server/opts/y/z", 3, "z = 2", "z = 3"],
    ["a new member of an inline table", "server/opts/w", "v", "{ z = 2 } }", '{ z = 2 }, w = "v" }'],
    ["an element of a list", "server/hosts/1", "c", '"b"  # second', '"c"  # second'],
    ["one more element", "server/hosts/2", "c", '"b"  # second, two', '"b",  # second, two\n  "c"'],
    ["a new key beside dotted ones", "pool/min", 1, "# dots", "# dots\npool.min = 1"],
    ["a new key at the root", "new", true, "# dots", "# dots\nnew = true"],
    ["a new key at the end of its section", "server/new", 1, "{ z = 2 } }", "{ z = 2 } }\nnew = 1"],
    ["a new table in a section", "server/tls", { on: true }, "{ z = 2 } }", "{ z = 2 } }\n\n[server.tls]\non = true"],
    ["a key of a table that only its subtable implied", "deep/x", 1, 'lines"""', 'lines"""\n\n[deep]\nx = 1'],
    ["a key of an element of an array of tables", "rooms/0/extra/m", 2, "n = 1", "n = 1\nm = 2"],
    ["one more element of an array of tables", "rooms/2", { id: "m", t: { u: 1 } }, 'id = "l"', 'id = "l"\n\n[[rooms]]\nid = "m"\n\n[rooms.t]\nu = 1'], // prettier-ignore
    ["one in front of an array of tables", "rooms", [{ id: "j" }, { id: "k", extra: { n: 1 } }, { id: "l" }], "[[rooms]]\nid = \"k\"", "[[rooms]]\nid = \"j\"\n\n[[rooms]]\nid = \"k\""], // prettier-ignore
    [
      "a new table",
      "new",
      { a: { b: 1 }, c: [{ d: 1 }] },
      'lines"""',
      'lines"""\n\n[new.a]\nb = 1\n\n[[new.c]]\nd = 1',
    ],
    ["a table that becomes a scalar", "server/opts", 1, "{ x = 1, y = { z = 2 } }", "1"],
    ["a bigint", "title", 2n ** 53n + 1n, "'x'", "9007199254740993"],
    ["a literal", "title", literal("toml:local-date", "1979-05-27"), "'x'", "1979-05-27"],
    ["an infinite number", "title", -Infinity, "'x'", "-inf"],
    ["a double past 2^53", "title", 1e17, "'x'", "100000000000000000.0"],
  ])("writes %s", (...row) => {
    const [, path, value, before, after] = row;
    expect(TEXT.split(before)).toHaveLength(2);
    expect(set(TEXT, path, value)).toBe(TEXT.replace(before, () => after));
    const crlf = TEXT.replaceAll("\n", "\r\n");
    if (!path.endsWith("/k")) expect(set(crlf, path, value)).toBe(crlf.replace(before.replaceAll("\n", "\r\n"), () => after.replaceAll("\n", "\r\n"))); // prettier-ignore
  });

  it.each([
    ["a setting", "server/port", "port   = 8080 # p\n", ""],
    ["a member of an inline table", "server/opts/x", "x = 1, ", ""],
    ["the only member of an inline table", "server/opts/y/z", "{ z = 2 }", "{}"],
    ["an element with its line", "server/hosts/0", '  "a", # first, one\n', ""],
    ["a section, and leaves the comments around it", "server", TEXT.slice(TEXT.indexOf("[server]"), TEXT.indexOf("\n# after")), ""], // prettier-ignore
    [
      "an element of an array of tables with its subtables",
      "rooms/0",
      '\n[[rooms]]\nid = "k"\n[rooms.extra]\nn = 1\n',
      "",
    ],
    ["the only dotted key, and leaves its table", "pool/max", "pool.max = 10   # dots\n", "§"],
    [
      "the only subtable, and leaves its table",
      "deep/er/table",
      '[deep.er.table]\nk = """\nseveral\nlines"""',
      "[deep.er]",
    ],
  ])("removes %s", (_, path, before, after) => {
    expect(TEXT.split(before)).toHaveLength(2);
    const expected = after === "§" ? `${TEXT.replace(before, "")}\n[pool]\n` : TEXT.replace(before, after);
    expect(remove(TEXT, path)).toBe(expected);
  });

  it("puts root keys before the first header and its comments", () => {
    expect(set("# banner\n\n# of a\n[a]\n", "x", 1)).toBe("# banner\n\nx = 1\n\n# of a\n[a]\n");
    expect(set("[a]", "x", 1)).toBe("x = 1\n\n[a]");
  });

  it("makes a document from nothing", () => {
    expect(edit("", { path: ["s", "a"], value: 1 }, { path: ["b"], value: "x" })).toBe('b = "x"\n\n[s]\na = 1\n');
    expect(edit("\uFEFF", { path: [], value: { a: [] } })).toBe("\uFEFFa = []\n");
    expect(edit("", { path: ["a.b", "\n"], value: {} })).toBe('["a.b"."\\n"]\n');
  });

  it("makes the whole document what it is told, and keeps what stays", () => {
    const text = "a = 1 # a\nb = 2 # b\n[c] # c\nd = 4 # d\n";
    expect(edit(text, { path: [], value: { a: 1, c: { d: 5 } } })).toBe("a = 1 # a\n[c] # c\nd = 5 # d\n");
  });

  it("keeps a value that is only spelled differently", () => {
    const text = "a = 1.0\nb = 0x10\nc = 1979-05-27 07:32:00z\n";
    const c = literal("toml:offset-date-time", "1979-05-27T07:32:00Z");
    expect(edit(text, { path: [], value: { a: 1, b: 16, c } })).toBe(text);
  });

  it("extends a table made by dots whose subtable has a header", () => {
    const text = "[fruit]\napple.color = 1\n[fruit.apple.taste]\nsweet = true\n";
    expect(set(text, "fruit/apple/size", 2)).toBe(text.replace("= 1\n", "= 1\napple.size = 2\n"));
    expect(remove(text, "fruit/apple/color")).toBe(text.replace("apple.color = 1\n", ""));
  });

  it("keeps the elements of an array of tables that stands in several places", () => {
    const text = "[[a]]\nx = 1\n[b]\ny = 1\n[[a]] # second\nx = 2\n[a.c]\n";
    expect(remove(text, "a/0")).toBe("[b]\ny = 1\n[[a]] # second\nx = 2\n[a.c]\n");
    expect(set(text, "a/0/c", { z: 1 })).toBe(text.replace("x = 1\n", "x = 1\n\n[a.c]\nz = 1\n"));
  });

  it.each<[string, Value]>([
    ["null", null],
    ["null in a list", [null]],
    ["an integer of more than 64 bits", 2n ** 63n],
    ["half of a surrogate pair", { "\uD800": 1 }],
    ["another format's tag", literal("!include", "x")],
  ])("refuses %s", (_, value) => {
    expect(thrown(() => toml.normalize({ a: value }))).toMatchObject({ code: "DOCUMENT_UNREPRESENTABLE" });
    expect(thrown(() => set("", "a", value))).toMatchObject({ code: "DOCUMENT_UNREPRESENTABLE" });
  });

  it("refuses a literal that TOML would read as something else", () => {
    expect(thrown(() => set("", "a", literal("toml:local-date", "1\nb = 2")))).toMatchObject({
      code: "DOCUMENT_UNREPRESENTABLE",
    });
  });
});

const keys = fc.constantFrom("a", "b", "c-d", "é f", "x.y", "__proto__", "constructor", "", "it's", "1");
const dates = fc.constantFrom(
  literal("toml:local-date", "1979-05-27"),
  literal("toml:local-time", "07:32:00.25"),
  literal("toml:offset-date-time", "1979-05-27T07:32:00-07:00"),
  literal("toml:float", "nan"),
);
const scalars = fc.oneof(
  fc.string({ unit: unitsOf("ab =#'\"\\[]{}.,é😀\n\t\r\u0001"), maxLength: 6 }),
  fc.integer(),
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value)),
  fc.boolean(),
  dates,
);
const { value: values, map: maps } = fc.letrec<{ value: Value; map: ValueMap; list: Value[] }>((tie) => ({
  value: fc.oneof({ depthSize: "small", withCrossShrink: true }, { weight: 3, arbitrary: scalars }, tie("list"), { weight: 2, arbitrary: tie("map") }), // prettier-ignore
  map: fc.dictionary(keys, tie("value"), { noNullPrototype: true, maxKeys: 4 }),
  list: fc.oneof(fc.array(tie("value"), { maxLength: 3 }), fc.array(tie("map"), { maxLength: 3 })),
}));

describe("any TOML document", () => {
  it("keeps what no edit touches, and says what the edits say", () => {
    fc.assert(
      fc.property(maps, layouts, editSpecs(values, keys), fc.nat(), (...[tree, layout, specs, seed]) => {
        const lines = tomlLines(tree, layout, decisions(seed));
        expectLawfulEdit({ format: toml, tree, lines, layout, specs });
      }),
      { numRuns: 1000 },
    );
  });
});
