import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { draft } from "../../src/core/edit.js";
import { child } from "../../src/core/pointer.js";
import { equal, isList, isMap, type Value } from "../../src/core/value.js";
import { yaml } from "../../src/formats/yaml.js";
import { draws, drawEdit, tree, type Draw } from "./arbitrary.js";
import { write } from "./yaml-writer.js";

const file = "app.yaml";
const numRuns = 1000;
const parse = (text: string): Value => yaml.parse(text, { file }).value;

describe("YAML, for documents formatted at random", () => {
  it("reads the tree that was written", () => {
    fc.assert(
      fc.property(tree, fc.integer(), fc.boolean(), (value, seed, aliases) => {
        const written = write(value, seed, { aliases });
        expect(equal(parse(written.text), written.value)).toBe(true);
      }),
      { numRuns },
    );
  });

  it.each([false, true])("gives the edited tree, in the document's line ends (with aliases: %s)", (aliases) => {
    fc.assert(
      fc.property(tree, fc.integer(), draws, (value, seed, picks) => {
        const { text } = write(value, seed, { aliases });
        const result = edited(text, picks);
        expect(equal(parse(result.text), result.value)).toBe(true);
        expect(result.text.startsWith("\uFEFF")).toBe(text.startsWith("\uFEFF"));
        if (text.includes("\r")) expect(result.text).not.toMatch(/[^\r]\n/);
      }),
      { numRuns },
    );
  });

  it("changes one line where one scalar becomes another", () => {
    const plain = fc.oneof(fc.integer(), fc.boolean(), fc.constantFrom("on", "word", "it's: #1", "012"));
    fc.assert(
      fc.property(tree, fc.integer(), fc.nat(), plain, (value, seed, pick, after) => {
        const { text } = write(value, seed, { aliases: false });
        const parsed = yaml.parse(text, { file });
        const leaves = [...scalars(parsed.value, "", [])].filter(({ value: old }) => {
          return typeof old !== "string" || !old.includes("\n");
        });
        const leaf = leaves[pick % leaves.length];
        const at = leaf && parsed.position(leaf.pointer);
        if (!leaf || !at || /[>|][-+]?( #.*)?\r?$/.test(text.split("\n")[at.line - 1] ?? "")) return;
        const before = text.split("\n");
        const result = yaml.edit(text, [{ path: leaf.path, value: after }], { file }).split("\n");
        expect(result.length).toBe(before.length);
        const changed = before.flatMap((line, index) => (line === result[index] ? [] : [index + 1]));
        // An empty value is found at its key, which an explicit `?` sets on the line before.
        const own = leaf.value === null && changed[0] === at.line + 1 ? at.line + 1 : at.line;
        expect(changed).toEqual(equal(leaf.value, after) ? [] : [own]);
      }),
      { numRuns },
    );
  });

  it("keeps every comment outside of what is edited, in its order", () => {
    fc.assert(
      fc.property(tree, fc.integer(), draws, (value, seed, [pick]) => {
        const { text } = write(value, seed, { aliases: false });
        const edit = drawEdit(parse(text), pick ?? { pick: 0, key: "a", value: 1 });
        // What stands within a replaced collection goes with it.
        if (edit.path.length === 0) return;
        const result = yaml.edit(text, [edit], { file });
        const left = remarks(result);
        const kept = remarks(text, edit.path[0]);
        expect(left.filter((comment) => kept.includes(comment))).toEqual(kept);
      }),
      { numRuns },
    );
  });
});

function edited(text: string, picks: readonly Draw[]): { text: string; value: Value } {
  const expected = draft(parse(text));
  const edits = picks.map((pick) => {
    const edit = drawEdit(expected.value(), pick);
    expected.apply(edit);
    return edit;
  });
  return { text: yaml.edit(text, edits, { file }), value: expected.value() };
}

function* scalars(
  value: Value,
  pointer: string,
  path: readonly string[],
): Generator<{ pointer: string; path: readonly string[]; value: Value }> {
  if (!isMap(value) && !isList(value)) yield { pointer, path, value };
  else for (const [key, item] of Object.entries(value)) yield* scalars(item, child(pointer, key), [...path, key]);
}

/** The comments of a document, in order, but for those from the line of one top-level member up to the next one. */
function remarks(text: string, except?: string): string[] {
  const parsed = yaml.parse(text, { file });
  const lineOf = (key: string): number => (parsed.position(child("", key))?.line ?? 0) - 1;
  const starts = Object.keys(parsed.value as object).map(lineOf);
  const start =
    except !== undefined && isMap(parsed.value) && Object.hasOwn(parsed.value, except) ? lineOf(except) : Infinity;
  const end = Math.min(...starts.filter((line) => line > start));
  return text.split(/\r?\n/).flatMap((line, index) => {
    const comment = /# (?:tail|comment|header).*/.exec(line)?.[0];
    return comment === undefined || (index >= start && index < end) ? [] : [comment];
  });
}
