import { describe, expect, it } from "vitest";
import type { Preview } from "../../src/previews/preview.js";
import { previewText, validateStatus } from "../../src/previews/text.js";

const SUBJECT = { base: "prod", commit: "0123456789abcdef" };
const NASTY = '| <!-- x --> @acme/ops [a](https://b) `c` "d" \u{1F600}\n# ';

/** More of everything than anybody would write, in characters that are written as entities. */
function enormous(count: number): Preview {
  const many = <T>(make: (text: string) => T): T[] =>
    Array.from({ length: count }, (_, index) => make(`${index} ${NASTY}`));
  const faults = many((text) => ({ target: text, message: text, where: text, hint: text, already: false }));
  const changes = many((text) => ({ target: text, path: `/${text}`, before: text.repeat(9), after: text.repeat(9) }));
  const environments = many((name) => ({ name, changes, faults, mended: [name], notes: [] }));
  return {
    relation: "merging",
    environments,
    policies: many((text) => text),
    promotion: faults,
    later: many((text) => text),
  };
}

describe("the text of a preview", () => {
  it("fits into a status, whatever there is to say", () => {
    const { state, description } = validateStatus(SUBJECT, enormous(60));
    expect(state).toBe("failure");
    expect(description.length).toBe(140);
    expect(description).toMatch(/^\(and 3659 more\) /);
    expect(description).not.toContain("\n");
  });

  it("lets nothing from outside be more than words", () => {
    const text = previewText(SUBJECT, enormous(2));
    expect(text.replaceAll(/<\/?code>/g, "")).not.toMatch(/[<`@[]|^# /m);
    const tables = text.split("\n").filter((line) => line.startsWith("|"));
    for (const row of tables) expect(row.split("|")).toHaveLength(6);
    const conflicting = { relation: "conflicting", conflicts: [{ path: NASTY, kind: "contents" }] } as const;
    expect(previewText(SUBJECT, conflicting).replaceAll(/<\/?code>/g, "")).not.toMatch(/[<`@[|]/);
  });

  it("says of what cannot be merged, or may not be read, just that", () => {
    expect(validateStatus(SUBJECT, { relation: "unrelated" })).toEqual({
      ...{ context: "trueup/validate", state: "failure", description: "no common history with prod" },
    });
    expect(previewText(SUBJECT, { relation: "unrelated" })).toContain("cannot be merged");
  });
});
