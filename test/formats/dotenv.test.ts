import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dotenv } from "../../src/formats/dotenv.js";
import {
  compose,
  decisions,
  editSpecs,
  expectLawfulEdit,
  expectRefusal,
  layouts,
  thrown,
  unitsOf,
  type OwnedLine,
} from "../support/formatting.js";

const options = { file: "api.env" };
const parse = (text: string): unknown => ({ ...(dotenv.parse(text, options).value as object) });
const set = (text: string, key: string, value: string | number | boolean): string =>
  dotenv.edit(text, [{ path: [key], value }], options);

describe("reading dotenv", () => {
  it.each([
    ["a bare value", "A=x", { A: "x" }],
    ["an empty value", "A=\nB=", { A: "", B: "" }],
    ["an exported name", "export A=x\n  export   B=y", { A: "x", B: "y" }],
    ["blanks around the equals sign", "A = x y  ", { A: "x y" }],
    ["a comment after a blank", "A=x # c\nB=x#c\nC= # c\nD=#c", { A: "x", B: "x#c", C: "", D: "#c" }],
    ["a hash in quotes", `A="x # y" # c\nB='x # y'`, { A: "x # y", B: "x # y" }],
    ["single quotes as they are", `A='\\n "$B"'`, { A: '\\n "$B"' }],
    ["escapes in double quotes", `A="a\\nb\\t\\"\\\\ \\$x \\\`y\\\` \\d"`, { A: 'a\nb\t"\\ $x `y` \\d' }],
    ["several lines in either quotes", `A="a\r\nb"\r\nB='c\r\nd'\r\n`, { A: "a\nb", B: "c\nd" }],
    ["a dollar sign as data", "A=$B\nC=${D:-x}", { A: "$B", C: "${D:-x}" }],
    ["backslashes of a bare value as data", "A=C:\\new", { A: "C:\\new" }],
    ["a prototype's name as data", "__proto__=x\nconstructor=y", Object.fromEntries([["__proto__", "x"], ["constructor", "y"]])], // prettier-ignore
    ["a BOM, blank lines and comments", "\uFEFF# c\n\n  # d\nA=1\n", { A: "1" }],
    ["nothing", "", {}],
  ])("takes %s", (_, text, tree) => {
    expect(parse(text)).toEqual(tree);
  });

  it.each([
    ["a line without an equals sign", "A=1\n  nonsense-secret", "api.env:2:1", "neither a comment nor an assignment"],
    ["a key that is no name", "1A=secret", "api.env:1:1", "neither a comment nor an assignment"],
    ["quotes that do not close", 'A=1\nB = "secret\nC=2', "api.env:2:5", "not closed"],
    ["text after the closing quote", "A='x'secret", "api.env:1:6", "after the closing quote"],
    ["a second definition", "A=secret\r\n# c\r\nA=secret", "api.env:3:1", '"A" is already defined on line 1'],
  ])("refuses %s, and says where but not what", (_, text, place, message) => {
    expectRefusal(() => dotenv.parse(text, options), place, message);
  });

  it("refuses a document beyond the bound of size", () => {
    expect(thrown(() => dotenv.parse(`A=${"x".repeat(17 << 20)}`, options))).toMatchObject({
      code: "DOCUMENT_TOO_LARGE",
      where: { file: "api.env" },
    });
  });

  it("takes time in proportion to the text for blanks without end", () => {
    // Going over the blanks again for each of them takes longer than a test may.
    const [blanks, tabs, backslashes] = [" ", "\t", "\\"].map((character) => character.repeat(1 << 19));
    const { value } = dotenv.parse(`A=${blanks}x${tabs}\nB="${backslashes}"`, options);
    expect(value).toEqual({ A: "x", B: "\\".repeat(1 << 18) });
  });

  it("knows where each value stands", () => {
    const parsed = dotenv.parse("\uFEFFA=1\n  export B = 'x\ny'\nC=2", options);
    expect(parsed.position("/A")).toEqual({ line: 1, column: 3 });
    expect(parsed.position("/B")).toEqual({ line: 2, column: 14 });
    expect(parsed.position("/C")).toEqual({ line: 4, column: 3 });
    expect(parsed.position("/D")).toBeUndefined();
  });
});

describe("writing dotenv", () => {
  it.each([
    ["A=x # c", "y", "A=y # c"],
    ["export A = x", "y", "export A = y"],
    ["A=", "y", "A=y"],
    ["A= # c", "y", "A=y # c"],
    ["A=x # c", "", "A= # c"],
    ["A='x' # c", "y", "A='y' # c"],
    ['A="x"', "y z", 'A="y z"'],
    ['A="x"', "y$z", "A='y$z'"],
    ['A="x"', 'say "hi"', "A='say \"hi\"'"],
    ["A='x'", "it's", 'A="it\'s"'],
    ["A=x", "y z", "A='y z'"],
    ["A=x", "y#z", "A='y#z'"],
    ["A=x", "$(rm)", "A='$(rm)'"],
    ["A=x", "~/y", "A='~/y'"],
    ["A=x", 'it\'s $5 `now` "\\"', 'A="it\'s \\$5 \\`now\\` \\"\\\\\\""'],
    ["A=x", "C:\\", 'A="C:\\\\"'],
    ["A=x", "a\nb", "A='a\nb'"],
    ["A=x\r\nB=2\r\n", "a\nb", "A='a\r\nb'\r\nB=2\r\n"],
    ["A=x", "a\rb", 'A="a\\rb"'],
    ["A=x", 8080, "A=8080"],
    ["A=x", true, "A=true"],
    ["A=x", "https://h:80/p?a=b&c", "A='https://h:80/p?a=b&c'"],
  ])("%j becomes %j", (text, value, result) => {
    expect(set(text, "A", value)).toBe(result);
    expect(parse(result)).toMatchObject({ A: String(value) });
  });

  it("appends a new key in the style of the last one, and keeps a missing final newline", () => {
    expect(set("# c\nexport A=1", "B", "2")).toBe("# c\nexport A=1\nexport B=2");
    expect(set("A=1\r\n", "B", "x y")).toBe("A=1\r\nB='x y'\r\n");
    expect(set("", "B", "2")).toBe("B=2\n");
    expect(set("\uFEFF", "B", "2")).toBe("\uFEFFB=2\n");
  });

  it("removes the lines of a key and nothing else", () => {
    const text = "# a\nA='x\ny' # c\n\nB=2";
    expect(dotenv.edit(text, [{ path: ["A"], value: undefined }], options)).toBe("# a\n\nB=2");
    expect(dotenv.edit(text, [{ path: ["B"], value: undefined }], options)).toBe("# a\nA='x\ny' # c\n");
  });

  it("makes the whole document what it is told", () => {
    const edits = [{ path: [], value: { B: "3", C: "4" } }];
    expect(dotenv.edit("A=1\nB=2 # b\n", edits, options)).toBe("B=3 # b\nC=4\n");
  });

  it.each([
    ["null", { A: null }, "null has no form"],
    ["a list", { A: ["x"] }, "a list has no form"],
    ["a map", { A: { B: "x" } }, "a map does not fit"],
    ["NUL", { A: "\0" }, "NUL"],
    ["half of a surrogate pair", { A: "\uD800" }, "surrogate"],
  ])("refuses %s", (_, value, message) => {
    const error = thrown(() => dotenv.normalize(value));
    expect(error).toMatchObject({ code: "DOCUMENT_UNREPRESENTABLE" });
    expect(error.message).toContain(message);
  });

  it("refuses a key that no reader would take", () => {
    expect(thrown(() => set("A=1", "B C", "x"))).toMatchObject({ code: "DOCUMENT_UNREPRESENTABLE" });
    expect(thrown(() => dotenv.edit("A=1", [{ path: ["B", "C"], value: "x" }], options))).toMatchObject({
      code: "DOCUMENT_UNREPRESENTABLE",
    });
  });

  it("makes text of numbers and booleans", () => {
    expect(dotenv.normalize({ A: 1.5, B: false, C: 2n ** 60n })).toEqual({
      A: "1.5",
      B: "false",
      C: String(2n ** 60n),
    });
  });
});

const keys = fc.constantFrom("A", "LOG_LEVEL", "b.c", "D-E", "_x", "__proto__", "constructor", "F1");
const values = fc.string({
  unit: unitsOf("ab19n ='\"\\$`#:;!~&é😀\n\t\r{}("),
  maxLength: 8,
});

function documentOf(entries: ReadonlyMap<string, string>, seed: number): OwnedLine[] {
  const { chance, pick } = decisions(seed);
  const lines: OwnedLine[] = [];
  for (const [key, value] of entries) {
    if (chance(0.3)) lines.push({ text: pick("# comment='x", "", "  # indented", "#A=1") });
    const double = `"${value
      .replace(/["\\$`]/g, "\\$&")
      .replaceAll("\r", "\\r")
      .replaceAll("\n", pick("\n", "\\n"))}"`;
    const written = pick(
      double,
      /^[^'\r]*$/.test(value) ? `'${value}'` : double,
      /^(?!['"#])\S*$/.test(value) ? value : double,
    );
    const start = pick("", "export ", "  ") + key + pick("=", " = ", "=  ");
    lines.push({ text: start + written + pick("", " # it's", "\t#", "  "), owner: [key] });
  }
  if (chance(0.3)) lines.push({ text: "# the end" });
  return lines;
}

describe("any dotenv document", () => {
  it("keeps what no edit touches, and says what the edits say", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(keys, values), { selector: ([key]) => key }),
        layouts,
        editSpecs(values, keys),
        fc.nat(),
        (entries, layout, specs, seed) => {
          const tree = Object.fromEntries(entries);
          expectLawfulEdit({ format: dotenv, tree, lines: documentOf(new Map(entries), seed), layout, specs });
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("either parses or is refused with a place", () => {
    const line = fc.string({ unit: unitsOf("AB= '\"\\#\r\n$x"), maxLength: 30 });
    fc.assert(
      fc.property(line, layouts, (text, layout) => {
        try {
          dotenv.parse(compose([{ text }], layout), options);
        } catch (error) {
          expect(error).toMatchObject({ code: "DOCUMENT_INVALID", where: { line: expect.any(Number) as number } });
        }
      }),
    );
  });
});

describe("a shell that sources the file", () => {
  it("reads the values that were written", () => {
    const unit = unitsOf("ab1 ='\"\\$`#;!~&|<>*?(){}[]^%é😀\n\t");
    fc.assert(
      fc.property(fc.array(fc.string({ unit, maxLength: 12 }), { minLength: 50, maxLength: 50 }), (list) => {
        const edits = list.map((value, index) => ({ path: [`K${index}`], value }));
        const folder = mkdtempSync(join(tmpdir(), "dotenv-"));
        try {
          writeFileSync(join(folder, "a.env"), dotenv.edit("", edits, options));
          const script = 'set -a; . ./a.env; exec "$0" -e "process.stdout.write(JSON.stringify(process.env))"';
          const output = execFileSync("sh", ["-c", script, process.execPath], {
            cwd: folder,
            encoding: "utf8",
            env: {},
          });
          expect(JSON.parse(output)).toMatchObject(
            Object.fromEntries(edits.map(({ path, value }) => [path[0], value])),
          );
        } finally {
          rmSync(folder, { recursive: true });
        }
      }),
      { numRuns: 10 },
    );
  });
});
