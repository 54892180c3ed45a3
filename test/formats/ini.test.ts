import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Value } from "../../src/core/value.js";
import { ini } from "../../src/formats/ini.js";
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

const options = { file: "app.ini" };
const set = (text: string, path: string[], value: Value | undefined): string =>
  ini.edit(text, [{ path, value }], options);

describe("reading INI", () => {
  it.each([
    ["keys before any section", "a = 1\nb=2\n[s]\nc = 3", { a: "1", b: "2", s: { c: "3" } }],
    ["a value with comment signs in it", "url=http://x/#a;b", { url: "http://x/#a;b" }],
    ["whole-line comments", "; a = 1\n  # b = 2\n[s] ; c\n[t]#d", { s: {}, t: {} }],
    ["quotes as data", `a = "x y"`, { a: '"x y"' }],
    ["a colon as data", "a:b = c:d = e", { "a:b": "c:d = e" }],
    ["dots in names as data", "[a.b]\nc.d = 1", { "a.b": { "c.d": "1" } }],
    ["an empty value", "a =\nb=", { a: "", b: "" }],
    ["a section in two places", "[s]\na=1\n[t]\n[s]\nb=2", { s: { a: "1", b: "2" }, t: {} }],
    ["indentation, CRLF and a BOM", "\uFEFF[s]\r\n\ta = 1 \r\n", { s: { a: "1" } }],
    ["a prototype's name as data", "[constructor]\ntoString=1", { constructor: { toString: "1" } }],
    ["nothing", "", {}],
  ])("takes %s", (_, text, tree) => {
    expect(ini.parse(text, options).value).toEqual(tree);
  });

  it.each([
    ["a line that is no assignment", "[s]\n  secret", "app.ini:2:3", "neither a section"],
    ["a key that is missing", "=secret", "app.ini:1:1", "the key is missing"],
    ["a header that does not close", "a=1\n[s", "app.ini:2:1", "not closed"],
    ["text after a header", "[s] secret", "app.ini:1:1", "not closed"],
    ["a key twice", "[s]\na=secret\n[t]\n[s]\n a=secret", "app.ini:5:2", '"a" is already defined on line 2'],
    ["a section named as a key", "a=secret\n[a]", "app.ini:2:2", '"a" is already defined on line 1'],
  ])("refuses %s, and says where but not what", (_, text, place, message) => {
    expectRefusal(() => ini.parse(text, options), place, message);
  });

  it("knows where values and sections stand", () => {
    const parsed = ini.parse("a = 1\n\n[s/t]\n  b = 2", options);
    expect(parsed.position("/a")).toEqual({ line: 1, column: 5 });
    expect(parsed.position("/s~1t")).toEqual({ line: 3, column: 2 });
    expect(parsed.position("/s~1t/b")).toEqual({ line: 4, column: 7 });
    expect(parsed.position("/s~1t/c")).toBeUndefined();
  });
});

describe("editing INI", () => {
  const text = "; banner\n\n; server\n[server]\nport = 1 \n  host=h\n; end of server\n\n[log]\nlevel = info\n";

  it.each([
    ["a value", ["server", "host"], "x;y", text.replace("host=h", "host=x;y")],
    ["a new key in a section", ["server", "new"], 5, text.replace("host=h\n", "host=h\n  new=5\n")],
    ["a new key at the root", ["top"], true, text.replace("; server", "top = true\n\n; server")],
    ["a new section", ["db"], { url: "u", n: 1 }, `${text}\n[db]\nurl = u\nn = 1\n`],
    ["a new empty section", ["db"], {}, `${text}\n[db]\n`],
    ["a key in a new section", ["db", "url"], "u", `${text}\n[db]\nurl = u\n`],
    ["the removal of a key", ["server", "port"], undefined, text.replace("port = 1 \n", "")],
    ["the removal of a section", ["log"], undefined, text.replace("\n[log]\nlevel = info\n", "")],
    [
      "a key in place of a section",
      ["log"],
      "x",
      text.replace("\n[log]\nlevel = info\n", "").replace("; server", "log = x\n\n; server"),
    ],
    ["an emptied section", ["log"], {}, text.replace("level = info\n", "")],
  ] as const)("makes %s", (_, path, value, result) => {
    expect(set(text, [...path], value)).toBe(result);
  });

  it("keeps an emptied section and makes a document from nothing", () => {
    expect(set("[s]\na = 1", ["s", "a"], undefined)).toBe("[s]");
    expect(set("", ["s", "a"], "1")).toBe("[s]\na = 1\n");
    expect(ini.edit("", [{ path: ["s", "a"], value: 1 }, { path: ["b"], value: 2 }], options)).toBe("b = 2\n\n[s]\na = 1\n"); // prettier-ignore
    expect(set("a = \r\n[s]\r\n", ["a"], "1")).toBe("a = 1\r\n[s]\r\n");
    expect(set("[s]\na=1\n[t]\n[s]\nb=2\n[u]\n", ["s", "c"], "3")).toBe("[s]\na=1\n[t]\n[s]\nb=2\nc=3\n[u]\n");
    expect(set("[s]\na=1\n[t]\n[s]\nb=2\n[u]\n", ["s"], undefined)).toBe("[t]\n[u]\n");
  });

  it.each([
    ["a line break in a value", ["a"], "x\ny"],
    ["outer blanks of a value", ["a"], " x"],
    ["a key that begins like a comment", ["#a"], "x"],
    ["a key that begins like a header", ["[a"], "x"],
    ["a key with an equals sign", ["a=b"], "x"],
    ["an empty key", [""], "x"],
    ["a section name with a bracket", ["a]"], {}],
    ["a map in a section", ["a", "b"], { c: "x" }],
    ["null", ["a"], null],
    ["a list", ["a", "b"], ["x"]],
  ] as const)("refuses %s", (_, path, value) => {
    expect(thrown(() => set("", [...path], value))).toMatchObject({ code: "DOCUMENT_UNREPRESENTABLE" });
  });
});

const names = fc.constantFrom("a", "b.c", "d e", "__proto__", "constructor", "f:g", "A");
const texts = fc.string({ unit: unitsOf("ab1 =;#[]'\"\\:é😀$"), maxLength: 8 }).map((text) => text.trim());
const sections = fc.dictionary(names, texts, { noNullPrototype: true, maxKeys: 4 });

function documentOf(tree: Readonly<Record<string, Value>>, seed: number): OwnedLine[] {
  const { chance, pick } = decisions(seed);
  const lines: OwnedLine[] = [];
  const remark = (owner?: string[]): void => {
    if (chance(0.2)) lines.push({ text: pick("; a = 1", "  # [x]", ""), owner, sectional: true });
  };
  const entries = (map: Readonly<Record<string, Value>>, path: string[]): void => {
    for (const [key, value] of Object.entries(map)) {
      if (typeof value !== "string") continue;
      remark(path.length === 0 ? undefined : path);
      const text = pick("", "  ", "\t") + key + pick("=", " = ", "  =") + value + pick("", "  ");
      lines.push({ text, owner: [...path, key] });
    }
  };
  entries(tree, []);
  for (const [name, map] of Object.entries(tree)) {
    if (typeof map === "string") continue;
    remark();
    lines.push({ text: `${pick("", " ")}[${name}]${pick("", " ; c")}`, owner: [name], sectional: true });
    entries(map as Record<string, Value>, [name]);
  }
  remark();
  return lines;
}

describe("any INI document", () => {
  it("keeps what no edit touches, and says what the edits say", () => {
    fc.assert(
      fc.property(
        fc.dictionary(names, fc.oneof(texts, sections), { noNullPrototype: true, maxKeys: 6 }),
        layouts,
        editSpecs(fc.oneof({ weight: 3, arbitrary: texts }, { weight: 1, arbitrary: sections }), names),
        fc.nat(),
        (tree, layout, specs, seed) => {
          // A map fits only at the root.
          const fitting = specs.filter((spec) => typeof spec.value === "string" || spec.act === "remove");
          expectLawfulEdit({ format: ini, tree, lines: documentOf(tree, seed), layout, specs: fitting });
          const whole = specs.filter((spec) => typeof spec.value === "object");
          for (const { key, value } of whole) {
            const edited = ini.edit("[other]\nx = 1", [{ path: [key], value }], options);
            expect(ini.parse(edited, options).value).toEqual({ other: { x: "1" }, [key]: value });
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
