import { describe, expect, it } from "vitest";
import { formatOf } from "../../src/formats/registry.js";

const SECRET = "hunter2Secret";

/** What a person may write for a value, and a format may take for something else, or not at all. */
const VALUES = [
  ...["", '"', "'", "`", "!", "*", "&", "%", "@", "{", "[", "}", ",", "|", ">", "- ", "? ", "#", "\t", "\0"],
  ...["0x", "1e", "1_", "-", ".", "inf", "nan", "nul", "true", "2020-01-01T", '"\\q', '"\\u', '"""', "!!int ", "<<: "],
].flatMap((before) => [before + SECRET, `${before}${SECRET}" x`, `${before}${SECRET}: x`, `${before}${SECRET}\u0007"`]);

const TEXTS = VALUES.flatMap((value) => [
  ...[
    `a: ${value}\n`,
    `a = ${value}\n`,
    `A=${value}\n`,
    `{"a": ${value}}\n`,
    `{a: 1, b: ${value}}\n`,
    `[a]\nb = ${value}\n`,
  ],
  ...[`a:\n  b: ${value}\n c: 1\n`, `a: ${value}\n---\n`],
]);

describe.each(["a.yaml", "a.json", "a.toml", ".env", "a.ini"])("what is wrong with %s", (file) => {
  it("is told without the value", () => {
    const told = TEXTS.flatMap((text) => {
      try {
        formatOf(file)?.parse(text, { file });
        return [];
      } catch (error) {
        return [{ text, code: codeOf(error), says: JSON.stringify(error, ["message", "hint"]) + String(error) }];
      }
    });
    expect(told.length).toBeGreaterThan(10);
    expect(told.filter(({ says, code }) => says.includes(SECRET) || code !== "DOCUMENT_INVALID")).toEqual([]);
  });
});

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
