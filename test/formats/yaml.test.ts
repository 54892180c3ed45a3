import { parseDocument } from "yaml";
import { describe, expect, it } from "vitest";
import type { Edit } from "../../src/core/change.js";
import type { Position } from "../../src/core/errors.js";
import { LIMITS } from "../../src/core/limits.js";
import { equal, literal, mapOf, type Value } from "../../src/core/value.js";
import { yaml } from "../../src/formats/yaml.js";

const file = "app.yaml";
const parse = (text: string, tags: "keep" | "refuse" = "refuse"): Value => yaml.parse(text, { file, tags }).value;
const lines = (...parts: string[]): string => parts.map((part) => `${part}\n`).join("");
const edit = (path: string, value: Value | undefined): Edit => ({ path: path.split("/").slice(1), value });
const set = (text: string, path: string, value: Value | undefined, tags: "keep" | "refuse" = "refuse"): string =>
  yaml.edit(text, [edit(path, value)], { file, tags });
const error = (code: string, where?: object): Error =>
  expect.objectContaining({ code, ...(where && { where: { file, ...where } }) }) as Error;

describe("reading YAML", () => {
  it("reads the 1.2 core schema: what 1.1 took for booleans, octals and times is text or decimal", () => {
    const text = "a: on\nb: NO\nc: 12:30\nd: 0o17\ne: 018\nf: 1e3\ng: ~\nh: 0x1F\ni: .inf\nj: 2001-01-01\nk: 1_000\n";
    expect(parse(text)).toEqual(
      mapOf(
        Object.entries({
          a: "on",
          b: "NO",
          c: "12:30",
          d: 15,
          e: 18,
          f: 1000,
          g: null,
          h: 31,
          i: Infinity,
          j: "2001-01-01",
          k: "1_000",
        }),
      ),
    );
  });

  it("keeps integers past 2^53 exact, hexadecimal ones too", () => {
    const value = parse("a: 9007199254740993\nb: 0x38000006C7F38D28\nc: -9007199254740991\n");
    expect(value).toEqual(
      mapOf([
        ["a", 9007199254740993n],
        ["b", 0x38000006c7f38d28n],
        ["c", -9007199254740991],
      ]),
    );
  });

  it("names members by what is written where a key is no string", () => {
    const value = parse('8080: a\n0x10: b\ntrue: c\nnull: d\n"quoted": e\n');
    expect(Object.keys(value as object)).toEqual(["8080", "0x10", "true", "null", "quoted"]);
  });

  it("takes __proto__ and constructor as data", () => {
    const value = parse("__proto__: {polluted: 1}\nconstructor: x\n");
    expect(Object.getPrototypeOf(value)).toBeNull();
    expect(
      equal(
        value,
        mapOf([
          ["__proto__", mapOf([["polluted", 1]])],
          ["constructor", "x"],
        ]),
      ),
    ).toBe(true);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  it("applies merge keys: own members win, then earlier maps", () => {
    const text = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  <<: [*x, *y]\n  c: 3\nquoted: {'<<': 1}\n";
    const value = parse(text) as Record<string, Value>;
    expect(
      equal(
        value["z"],
        mapOf([
          ["a", 1],
          ["b", 1],
          ["c", 3],
        ]),
      ),
    ).toBe(true);
    expect(equal(value["quoted"], mapOf([["<<", 1]]))).toBe(true);
  });

  it.each(["", "\uFEFF", "# nothing\n", "---\n# nothing\n...\n"])("reads %j as an empty map, never as null", (text) => {
    expect(equal(parse(text), mapOf([]))).toBe(true);
  });

  it("does not mind a BOM, CRLF, directives and document markers", () => {
    const value = parse("\uFEFF%YAML 1.2\r\n---\r\na: |\r\n  x\r\n  y\r\n...\r\n# end\r\n");
    expect(equal(value, mapOf([["a", "x\ny\n"]]))).toBe(true);
  });

  it("knows where each setting is written, also through aliases and merges", () => {
    const text = "\uFEFFa: 1\nb: &b\n  c: two\n  d:\n    - x\n    - {y: 2}\ne:\n  <<: *b\n  own: 3\nf: *b\nempty:\n";
    const parsed = yaml.parse(text, { file });
    const position = (pointer: string): Position | undefined => parsed.position(pointer);
    expect(position("/a")).toEqual({ line: 1, column: 4 });
    expect(position("/b")).toEqual({ line: 2, column: 1 });
    expect(position("/b/d/1/y")).toEqual({ line: 6, column: 11 });
    expect(position("/e/c")).toEqual({ line: 3, column: 6 });
    expect(position("/e/own")).toEqual({ line: 9, column: 8 });
    expect(position("/f")).toEqual({ line: 10, column: 4 });
    expect(position("/f/c")).toEqual({ line: 3, column: 6 });
    expect(position("/empty")).toEqual({ line: 11, column: 1 });
    expect(position("/nothing")).toBeUndefined();
    expect(position("/a/b")).toBeUndefined();
    expect(position("/e/<<")).toBeUndefined();
  });

  it.each([
    ["a duplicate key", "a: 1\nb:\n  c: 1\n  c: 2\n", 4, 3],
    ["a duplicate key by another spelling", 'a: 1\n"a": 2\n', 2, 1],
    ["a doubled merge key", "x: &x {}\na:\n  <<: *x\n  <<: *x\n", 4, 3],
    ["an unknown tag", "a: !secret hunter2\n", 1, 12],
    ["a text that begins as a tag does", "a: !hunter2\n", 1, 12],
    ["a tag beyond the core schema", "a: !!binary aGk=\n", 1, 13],
    ["a value that does not fit its tag", "a: !!int hunter2\n", 1, 10],
    ["a second document", "a: 1\n---\nb: 2\n", 2, 1],
    ["an alias without anchor", "a: *hunter2\n", 1, 4],
    ["an anchor that contains itself", "a: &x\n  - *x\n", 2, 5],
    ["a collection as key", "[a, b]: 1\n", 1, 1],
    ["an alias as key", "a: &x b\n*x : 1\n", 2, 1],
    ["a tagged key", "!x a: 1\n", 1, 4],
    ["an empty key", "a:\n  : 1\n", 2, 3],
    ["a merge of a scalar", "a:\n  <<: hunter2\n", 2, 7],
    ["bad indentation", "a:\n   b: hunter2\n  c: 1\n", 3, 1],
    ["an unclosed quote", 'a: "hunter2\n', 2, 1],
    ["an unclosed bracket", "a: [hunter2\n", 2, 1],
    ["a tab as indentation", "a:\n\tb: hunter2\n", 2, 1],
    ["a reserved character", "a: @hunter2\n", 1, 4],
    ["a bad escape", 'a: "\\q hunter2"\n', 1, 5],
    ["a number that a double cannot hold", "a: 1e999\n", 1, 4],
    ["two mappings on a line", "a: hunter2: b\n", 1, 4],
    ["stray text", "a: 1\n}hunter2\n", 2, 1],
  ])("refuses %s with its place and without its values", (_, text, line, column) => {
    expect(() => parse(text)).toThrow(error("DOCUMENT_INVALID", { line, column }));
    expect(() => parse(text)).not.toThrow(/hunter2/);
  });

  it.each([
    ["brackets", "[".repeat(10_000)],
    ["dashes", "- ".repeat(10_000)],
    ["explicit keys", "? ".repeat(10_000)],
    ["maps in brackets", "{a: ".repeat(10_000)],
    [
      "a chain of aliases",
      Array.from({ length: 10_000 }, (_, i) => `a${i}: &a${i} [${i ? `*a${i - 1}` : ""}]`).join("\n"),
    ],
    [
      "a billion laughs",
      Array.from({ length: 40 }, (_, i) => `a${i}: &a${i} [${i ? `*a${i - 1}, *a${i - 1}` : "x"}]`).join("\n"),
    ],
    [
      "a billion merges",
      `a: &a {${Array.from({ length: 2000 }, (_, i) => `k${i}: 1`).join(", ")}}\n` +
        Array.from({ length: 600 }, (_, i) => `m${i}: {<<: *a}`).join("\n"),
    ],
    ["a long text", "x".repeat(LIMITS.bytes + 1)],
  ])("refuses %s beyond the limits, within the time of a test", (_, text) => {
    expect(() => parse(text)).toThrow(error("DOCUMENT_TOO_LARGE", undefined));
  });

  it("reads nesting up to the limit", () => {
    expect(() => parse("[".repeat(LIMITS.depth) + "]".repeat(LIMITS.depth))).not.toThrow();
    expect(() => parse("[".repeat(LIMITS.depth + 1) + "]".repeat(LIMITS.depth + 1))).toThrow(
      error("DOCUMENT_TOO_LARGE"),
    );
  });

  it("holds tagged nodes as they are where tags are kept", () => {
    const text = lines(
      "a: !secret db_password",
      "b: !include x.yaml",
      "c: !input",
      "d: !t",
      "  - x",
      "  -   y: 1",
      "e: !!binary aGk=",
    );
    const value = parse(text, "keep") as Record<string, Value>;
    expect(value["a"]).toEqual(literal("!secret", "db_password"));
    expect(value["b"]).toEqual(literal("!include", "x.yaml"));
    expect(value["c"]).toEqual(literal("!input", ""));
    expect(value["d"]).toEqual(literal("!t", "- x\n-   y: 1"));
    expect(value["e"]).toEqual(literal("!!binary", "aGk="));
  });
});

describe("editing YAML", () => {
  const house = lines(
    "# The house.",
    "pool:                 # connections",
    "    max:   20         # per process",
    "    'hosts':",
    "    - a               # first",
    "    # the second",
    '    - "b"',
    "",
    "# Logging.",
    "logging: {level: info,   file: 'x.log'}   # flow",
    "text: |-  # kept",
    "    one",
    "    two",
    "last: yes",
  );
  const replaced = (from: string, to: string): string => {
    expect(house).toContain(from);
    return house.replace(from, to);
  };

  it("replaces a scalar and nothing else on or off its line", () => {
    expect(set(house, "/pool/max", 10)).toBe(replaced("max:   20 ", "max:   10 "));
    expect(set(house, "/pool/hosts/1", "c")).toBe(replaced('"b"', '"c"'));
    expect(set(house, "/logging/file", "it's")).toBe(replaced("'x.log'", "'it''s'"));
    expect(set(house, "/logging/level", "a, b")).toBe(replaced("level: info", 'level: "a, b"'));
    expect(set(house, "/text", "three\nfour")).toBe(replaced("    one\n    two", "    three\n    four"));
    expect(set(house, "/text", "three\n")).toBe(replaced("|-  # kept\n    one\n    two", "|  # kept\n    three"));
    expect(set(house, "/text", 5)).toBe(replaced("|-  # kept\n    one\n    two", "5  # kept"));
    expect(set(house, "/last", "two\nlines")).toBe(replaced("last: yes", "last: |-\n    two\n    lines"));
  });

  it("leaves the text alone where it already says so", () => {
    expect(set("a: 1.0\nb: 0x10\n", "/b", 16)).toBe("a: 1.0\nb: 0x10\n");
    expect(set(house, "/nothing", undefined)).toBe(house);
    expect(yaml.edit(house, [], { file })).toBe(house);
  });

  it("adds members after the last sibling, in its indentation", () => {
    expect(set(house, "/pool/min", 1)).toBe(replaced('    - "b"\n', '    - "b"\n    min: 1\n'));
    expect(set(house, "/logging/rotate/days", 7)).toBe(replaced("file: 'x.log'}", "file: 'x.log', rotate: {days: 7}}"));
    expect(set(house, "/new/deep/er", [])).toBe(`${house}new:\n    deep:\n        er: []\n`);
    expect(
      set(
        house,
        "/pool/hosts/2",
        mapOf([
          ["name", "c"],
          ["port", 1],
        ]),
      ),
    ).toBe(replaced('    - "b"\n', '    - "b"\n    - name: c\n      port: 1\n'));
    expect(set("a: {}\nb: {} # c\n", "/b/x", 1)).toBe("a: {}\nb: # c\n  x: 1\n");
    expect(set('{"a": 1}\n', "/b", 2)).toBe('{"a": 1, "b": 2}\n');
    expect(set("a:\n- 1\n", "/b", [2, [3]])).toBe("a:\n- 1\nb:\n- 2\n- - 3\n");
  });

  it("removes a setting with its line, and leaves {} or [] for the last one", () => {
    expect(set(house, "/pool/max", undefined)).toBe(replaced("    max:   20         # per process\n", ""));
    expect(set(house, "/pool/hosts/0", undefined)).toBe(replaced("    - a               # first\n", ""));
    expect(set(house, "/text", undefined)).toBe(replaced("text: |-  # kept\n    one\n    two\n", ""));
    expect(set(house, "/logging/level", undefined)).toBe(replaced("level: info,   ", ""));
    expect(set(house, "/pool", undefined)).toBe(
      lines(
        ...house
          .split("\n")
          .filter((_, i) => i === 0 || i > 6)
          .slice(0, -1),
      ),
    );
    expect(set("a:\n  # about b\n  b: 1 # one\nc: 2\n", "/a/b", undefined)).toBe("a: {}\n  # about b\nc: 2\n");
    expect(set("# top\na: 1\n", "/a", undefined)).toBe("# top\n{}\n");
    expect(set("a: # items\n  - 1\n", "/a/0", undefined)).toBe("a: [] # items\n");
    expect(set("- a: 1\n  b: 2\n", "/0/a", undefined)).toBe("- b: 2\n");
    expect(set("- a: 1\n  # about b\n  b: 2\n", "/0/a", undefined)).toBe("-\n  # about b\n  b: 2\n");
  });

  it("tells equal elements apart by the edits: the one that is named goes", () => {
    expect(set("- x # 1\n- x # 2\n- x # 3\n", "/1", undefined)).toBe("- x # 1\n- x # 3\n");
    const text = "- {id: a, n: 1} # a\n- {id: b, n: 1} # b\n- {id: c, n: 1} # c\n";
    const edits = [edit("/1", undefined), edit("/1/n", 2)];
    expect(yaml.edit(text, edits, { file })).toBe("- {id: a, n: 1} # a\n- {id: c, n: 2} # c\n");
  });

  it("replaces an element that ends in a block scalar, and not the line break behind it", () => {
    expect(set("- a: 1\n  b: |-\n    x\n- c\n", "/0", 5)).toBe("- 5\n- c\n");
  });

  it("keeps the comments of what a replaced list still has", () => {
    expect(set("l:\n  - b # two\n  - d # four\n", "/l", ["a", "b", "c", "d"])).toBe(
      "l:\n  - a\n  - b # two\n  - c\n  - d # four\n",
    );
  });

  it("keeps BOM, CRLF, directives, markers, and whether there is a final newline", () => {
    const text = "\uFEFF%YAML 1.2\r\n---\r\na: 1\r\nb:\r\n  c: x\r\n...";
    expect(set(text, "/b/d", "two\nlines\n")).toBe(
      "\uFEFF%YAML 1.2\r\n---\r\na: 1\r\nb:\r\n  c: x\r\n  d: |\r\n    two\r\n    lines\r\n...",
    );
    expect(set("a: 1", "/b", 2)).toBe("a: 1\nb: 2");
    expect(set("a: 1\nb: 2", "/b", undefined)).toBe("a: 1");
    expect(set("a:\tx\t# tab\n", "/a", "z")).toBe("a:\tz\t# tab\n");
  });

  it("makes a document from an empty one", () => {
    expect(set("", "/a/b", 1)).toBe("a:\n  b: 1\n");
    expect(set("# mine\n", "/a", 1)).toBe("# mine\na: 1\n");
    expect(set("---\n", "/a", 1)).toBe("---\na: 1\n");
    expect(set("{}\n", "/a", 1)).toBe("a: 1\n");
  });

  describe("with anchors and merge keys", () => {
    const text = lines(
      "base: &base",
      "  level: info",
      "  size: 3",
      "prod:",
      "  <<: *base",
      "  level: warn",
      "n: &n 5",
      "m: *n",
    );

    it("replaces an alias by the value", () => {
      expect(set(text, "/m", 6)).toBe(text.replace("*n", "6"));
    });
    it("keeps an edited anchor, and gives the others their old value", () => {
      expect(set(text, "/n", 6)).toBe(text.replace("&n 5", "&n 6").replace("*n", "5"));
      expect(set(text, "/base/size", 4)).toBe(
        text.replace("size: 3", "size: 4").replace("warn\n", "warn\n  size: 3\n"),
      );
      expect(set(text, "/base/level", "debug")).toBe(text.replace("info", "debug"));
    });
    it("writes a collection below an anchor, never behind it", () => {
      expect(set("l:\n- &x 1\n", "/l/0", [2])).toBe("l:\n- &x\n  - 2\n");
    });
    it("edits the anchor once where all who use it change alike", () => {
      const edits = [edit("/base/size", 4), edit("/prod/size", 4), edit("/n", 6), edit("/m", 6)];
      expect(yaml.edit(text, edits, { file })).toBe(text.replace("size: 3", "size: 4").replace("&n 5", "&n 6"));
    });
    it("overrides a merged member, and gives up a merge only to remove one of its members", () => {
      expect(set(text, "/prod/size", 4)).toBe(text.replace("warn\n", "warn\n  size: 4\n"));
      expect(set(text, "/prod/size", undefined)).toBe(text.replace("  <<: *base\n", ""));
      expect(set(text, "/base", undefined)).toBe(lines("prod:", "  level: warn", "  size: 3", "n: &n 5", "m: *n"));
    });
  });

  it("keeps, moves and drops tags", () => {
    const text = lines("a: !secret x # s", "b: !t", "  - 1", "c: 3");
    expect(set(text, "/c", literal("!secret", "y"), "keep")).toBe(text.replace("c: 3", "c: !secret y"));
    expect(set(text, "/c", literal("!t", "- 1\n- b: 2"), "keep")).toBe(text.replace("c: 3", "c: !t\n  - 1\n  - b: 2"));
    expect(set(text, "/a", 5, "keep")).toBe(text.replace("!secret x", "5"));
    expect(set(text, "/b", 5, "keep")).toBe(text.replace("!t\n  - 1", "5"));
    expect(() => set("c: 3\n", "/c", literal("!secret", "y"))).toThrow(error("DOCUMENT_UNREPRESENTABLE"));
  });

  const awkward = [
    "on",
    "NO",
    "y",
    "018",
    "0o17",
    "12:30",
    "1:2.5",
    "~",
    "1e3",
    "1_000",
    "0b1",
    "=",
    "<<",
    ".5",
    "5.",
    "+1",
    ".NaN",
    "2001-01-01",
    "null",
    "TRUE",
    "",
    " x",
    "x ",
    "a: b",
    "a #b",
    "- a",
    "#a",
    "x:",
    "---",
    "\t",
    "é\u0085",
  ];
  it.each(awkward)("writes the string %j so that readers of YAML 1.1 and 1.2 take it for that string", (value) => {
    for (const text of ["k: old\n", "{k: old}\n", "- old\n", "k: 'old'\n", 'k: "old"\n', "k: |\n  old\n"]) {
      const result = yaml.edit(text, [{ path: [text.startsWith("-") ? "0" : "k"], value }], { file });
      for (const version of ["1.1", "1.2"] as const) {
        const read = parseDocument(result, { version }).toJS() as Record<string, unknown>;
        expect(read["k"] ?? read["0"]).toBe(value);
      }
    }
  });

  it.each(["8MB", "10.0.0.1", "info", "-Xmx512m", "http://x/#a", "a b", "C:\\x", "x=1", "/var/log", "3 days", "é"])(
    "leaves %j without quotes where the old value had none",
    (value) => {
      expect(set("k: old # c\n", "/k", value)).toBe(`k: ${value} # c\n`);
    },
  );

  it("writes numbers that both versions take for that number", () => {
    for (const value of [1e21, 1e-7, 2 ** 60, -0.5, 12345678901234567890n, Infinity]) {
      const result = set("k: 0\n", "/k", value);
      expect(equal(parse(result), mapOf([["k", value]]))).toBe(true);
      const other = parseDocument(result, { version: "1.1", intAsBigInt: true }).toJS() as { k: number | bigint };
      expect(Number(other.k)).toBe(Number(value));
    }
  });

  it("refuses an edit through a scalar, and removes nothing by it", () => {
    expect(() => set("a: 1\n", "/a/b", 2)).toThrow(error("DOCUMENT_UNREPRESENTABLE"));
    expect(() => set("a: [1]\n", "/a/5", 2)).toThrow(error("DOCUMENT_UNREPRESENTABLE"));
    expect(() => set("a: [1\n", "/a/5", 2)).toThrow(error("DOCUMENT_INVALID"));
  });
});

describe("a document of a thousand keys", () => {
  it("is read whole, and an edit of one of them changes one line", () => {
    const text = Array.from(
      { length: 100 },
      (_, s) => `s${s}: # c\n${Array.from({ length: 10 }, (_, k) => `  k${k}: v${k} # c\n`).join("")}`,
    ).join("");
    expect(Object.keys(parse(text) as object)).toHaveLength(100);
    const edited = set(text, "/s50/k5", "x").split("\n");
    expect(text.split("\n").flatMap((line, index) => (line === edited[index] ? [] : [index]))).toEqual([50 * 11 + 6]);
    expect(edited[50 * 11 + 6]).toBe("  k5: x # c");
  });
});
