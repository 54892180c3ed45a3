import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyEdits } from "../../src/core/edit.js";
import { mergeSettings } from "../../src/core/three-way.js";
import { equal, type Value } from "../../src/core/value.js";
import { json } from "../../src/formats/json.js";
import { mergeBySetting } from "../../src/formats/merge.js";
import { yaml } from "../../src/formats/yaml.js";
import { draws, drawEdit, tree, type Draw } from "./arbitrary.js";

interface Texts {
  readonly base?: string;
  readonly ours: string;
  readonly theirs: string;
  readonly lines?: string;
}

function merge(file: string, { base, lines, ...sides }: Texts) {
  return mergeBySetting({ file, base, lines, ...sides });
}

describe("merging a file by its settings", () => {
  it.each([
    ["app.yaml", "pool:\n  min: 1 # least\n  max: 10\n", "min: 1", "min: 2", "max: 10", "max: 20"],
    ["app.json", '{\n  "min": 1,\n  "max": 10\n}\n', '"min": 1', '"min": 2', '"max": 10', '"max": 20'],
    ["app.toml", "[pool]\nmin = 1 # least\nmax = 10\n", "min = 1", "min = 2", "max = 10", "max = 20"],
    ["api.env", "# pool\nMIN=1\nexport MAX='10'\n", "MIN=1", "MIN=2", "'10'", "'20'"],
    ["app.ini", "[pool]\n; least\nmin = 1\nmax = 10\n", "min = 1", "min = 2", "max = 10", "max = 20"],
    ["app.properties", "! pool\nmin=1\nmax : 10\n", "min=1", "min=2", "max : 10", "max : 20"],
  ])("%s: settings on neighbouring lines are no conflict, and nothing else changes", (file, base, ...edits) => {
    const [min, lower, max, higher] = edits;
    const ours = base.replace(min, lower);
    const theirs = base.replace(max, higher);
    expect(merge(file, { base, ours, theirs })).toEqual({ text: ours.replace(max, higher) });
  });

  it("keeps our comments, order, quotes, line ends and byte order mark", () => {
    const ours = "\uFEFF# ours\r\nmax: \"10\"   # most\r\nmin: 2\r\n\r\nname: 'a'\r\n";
    const merged = merge("a.yaml", {
      base: 'min: 1\nmax: "10"\nname: a\n',
      ours,
      theirs: 'min: 1\nmax: "20"\nname: a\nnew: { x: 1 }\n',
    });
    expect(merged).toEqual({ text: `${ours.replace('"10"', '"20"')}new:\r\n  x: 1\r\n` });
  });

  it("takes along what they wrote elsewhere in the file, comments and all, where lines could be merged there", () => {
    const base = "min: 1\nmax: 10\n\nlevel: info\n";
    const ours = "min: 2\nmax: 10\n\nlevel: info\n";
    const theirs = "min: 1\nmax: 20\n\n# more than info fills the disk\nlevel: info\n";
    const lines = "min: 2\nmax: 10\n\n# more than info fills the disk\nlevel: info\n";
    expect(merge("a.yaml", { base, ours, theirs, lines })).toEqual({ text: lines.replace("10", "20") });
    // Where lines make no document, it is ours alone.
    const broken = `${lines}level: info\n`;
    expect(merge("a.yaml", { base, ours, theirs, lines: broken })).toEqual({ text: ours.replace("10", "20") });
  });

  it("leaves it at ours where they changed nothing but comments", () => {
    const ours = "min: 2\nmax: 10\n";
    expect(merge("a.yaml", { base: "min: 1\nmax: 10\n", ours, theirs: "min: 1 # least\nmax: 10\n" })).toEqual({
      text: ours,
    });
  });

  it("settles what both sides added alike at another place, and what each added to a file of its own", () => {
    const theirs = "b: 2\na: 1\nc: 3\n";
    expect(merge("a.yaml", { base: "a: 1\n", ours: "a: 1\nb: 2\n", theirs })).toEqual({ text: "a: 1\nb: 2\nc: 3\n" });
    expect(merge("a.yaml", { ours: "a: 1\n", theirs: "b: 2\n" })).toEqual({ text: "a: 1\nb: 2\n" });
  });

  it("names the settings that both changed, and only those", () => {
    const merged = merge("a.yaml", {
      base: "pool: { min: 1, max: 10 }\nold: 1\nlist: [1]\n",
      ours: "pool: { min: 2, max: 30 }\nold: 2\nlist: [1, 2]\n",
      theirs: "pool: { min: 1, max: 20 }\nlist: [0, 1]\n",
    });
    expect(merged).toEqual({
      conflicts: [
        { path: "/pool/max", ours: 30, theirs: 20 },
        { path: "/old", ours: 2, theirs: undefined },
        { path: "/list", ours: [1, 2], theirs: [0, 1] },
      ],
    });
  });

  it("writes what an anchor gives so that each setting is what was merged", () => {
    const base = "a: &d\n  min: 1\n  max: 10\nb: *d\n";
    const ours = base.replace("min: 1", "min: 2");
    // For b, they wrote it out before they changed a.
    const theirs = "a:\n  min: 1\n  max: 20\nb:\n  min: 1\n  max: 10\n";
    const merged = merge("a.yaml", { base, ours, theirs });
    expect(merged).toEqual({ text: "a: &d\n  min: 2\n  max: 20\nb:\n  min: 2\n  max: 10\n" });
  });

  it.each([
    ["says which side does not load", "a.yaml", { base: "a: 1\n", ours: "a: 2\n", theirs: "a: 1\na: 1\n" }, "theirs"],
    ["of tags, too", "a.yaml", { base: "a: 1\n", ours: "a: !secret x\n", theirs: "a: 3\n" }, "ours"],
    ["and when it is what both had", "a.toml", { base: "a\n", ours: "a = 2\n", theirs: "a = 3\n" }, "base"],
  ])("%s", (_, file, texts, side) => {
    const merged = merge(file, texts);
    expect(merged).toMatchObject({ unread: { side } });
    expect(merged !== undefined && "unread" in merged && merged.unread.reason).toMatch(/\w/);
  });

  it("takes a name that is a setting on one side and a section on the other for a conflict", () => {
    const merged = merge("a.ini", { base: "", ours: "a = 1\n", theirs: "[a]\nb = 1\n" });
    expect(merged).toEqual({ conflicts: [{ path: "/a", ours: "1", theirs: { b: "1" } }] });
  });

  it("has nothing to say of other files, and of those that are one setting as a whole", () => {
    expect(merge("README.md", { base: "a", ours: "b", theirs: "c" })).toBeUndefined();
    expect(merge("x.patch.yaml", { base: "[1]", ours: "[2]", theirs: "[3]" })).toBeUndefined();
  });
});

/** The tree as somebody left it who changed some of it. */
function changed(root: Value, edits: readonly Draw[]): Value {
  return edits.reduce((at, draw) => applyEdits(at, [drawEdit(at, draw)]), root);
}

it.each([yaml, json])("$name: what is written says what was merged", (format) => {
  const file = `app${format.extensions[0] ?? ""}`;
  let texts = 0;
  fc.assert(
    fc.property(tree, draws, draws, (base, one, other) => {
      const sides = { base, ours: changed(base, one), theirs: changed(base, other) };
      const write = (value: Value) => format.edit("{}", [{ path: [], value }], { file });
      const merged = mergeBySetting({
        ...{ file, base: write(sides.base), ours: write(sides.ours), theirs: write(sides.theirs) },
        lines: undefined,
      });
      const { value, conflicts } = mergeSettings(sides);
      if (conflicts.length > 0) {
        expect(merged).toHaveProperty("conflicts");
        return;
      }
      if (merged === undefined || !("text" in merged)) throw new Error("there is no text");
      expect(equal(format.parse(merged.text, { file }).value, value)).toBe(true);
      texts += 1;
    }),
    { numRuns: 200 },
  );
  expect(texts).toBeGreaterThan(20);
});
