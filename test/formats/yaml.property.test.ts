import fc from "fast-check";
import { parse as reference, parseDocument } from "yaml";
import { describe, expect, it } from "vitest";
import { draft } from "../../src/core/edit.js";
import { equal, isList, isMap, member, type Value } from "../../src/core/value.js";
import { yaml } from "../../src/formats/yaml.js";
import { draws, drawEdit, scalar, tree, type Draw } from "./arbitrary.js";
import { write } from "./yaml-writer.js";

const file = "app.yaml";
const parse = (text: string): Value => yaml.parse(text, { file }).value;
const runs = Number(process.env["YAML_RUNS"] ?? 1000);

describe("YAML, for documents formatted at random", () => {
  it("reads the tree that was written", () => {
    fc.assert(
      fc.property(tree, fc.integer(), fc.boolean(), (value, seed, aliases) => {
        const written = write(value, seed, { aliases });
        expect(equal(parse(written.text), written.value)).toBe(true);
      }),
      { numRuns: runs },
    );
  });

  it.each([false, true])("gives the edited tree (with aliases: %s)", (aliases) => {
    let refused = 0;
    fc.assert(
      fc.property(tree, fc.integer(), draws, (value, seed, picks) => {
        const { text } = write(value, seed, { aliases });
        const result = edited(text, picks);
        if (result === undefined) {
          refused += 1;
          return;
        }
        expect(equal(parse(result.text), result.value)).toBe(true);
        if (text.includes("\r")) expect(result.text).not.toMatch(/[^\r]\n/);
        if (text.includes("\n")) expect(result.text.startsWith("\uFEFF")).toBe(text.startsWith("\uFEFF"));
      }),
      { numRuns: runs },
    );
    expect(refused).toBeLessThan(runs / 200);
  });
});

function edited(text: string, picks: readonly Draw[]): { text: string; value: Value } | undefined {
  const expected = draft(parse(text));
  const edits = picks.map((pick) => {
    const edit = drawEdit(expected.value(), pick);
    expected.apply(edit);
    return edit;
  });
  try {
    return { text: yaml.edit(text, edits, { file }), value: expected.value() };
  } catch (error) {
    if (process.env["YAML_DEBUG"]) {
      console.log("REFUSED\n" + text + "\n" + JSON.stringify(edits, (_, v: unknown) => typeof v === "bigint" ? `${v}n` : v));
    }
    expect(error).toMatchObject({ code: "DOCUMENT_UNREPRESENTABLE" });
    return undefined;
  }
}
void reference; void parseDocument; void isList; void isMap; void member; void scalar;
