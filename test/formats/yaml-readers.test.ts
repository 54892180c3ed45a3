import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Value } from "../../src/core/value.js";
import { yaml } from "../../src/formats/yaml.js";
import { text } from "./arbitrary.js";

/** Reads documents as the YAML 1.1 reader of many applications does, and tells which do not hold what they should. */
const PYTHON = `
import json, sys, yaml
wrong = []
for index, [document, expected] in enumerate(json.load(sys.stdin)):
    try:
        if list(yaml.safe_load(document).values()) != [expected]: wrong.append([index, document])
    except Exception as error: wrong.append([index, document, str(error)])
print(json.dumps(wrong))
`;
const hasPython = spawnSync("python3", ["-c", "import yaml"]).status === 0;

describe.skipIf(!hasPython)("PyYAML, a reader of YAML 1.1 (skipped where python3 has no yaml module)", () => {
  const check = (values: readonly Value[]): void => {
    const documents = values.flatMap((value) =>
      ["k: old # c\n", "k: 'old'\n", "k: |\n  old\n", "{k: old}\n", 'k: "old"\nj: 1\n'].map((document) => {
        const edits = [
          { path: ["k"], value },
          { path: ["j"], value: undefined },
        ];
        return [yaml.edit(document, edits, { file: "a.yaml" }), value];
      }),
    );
    const { stdout, stderr } = spawnSync("python3", ["-c", PYTHON], {
      input: JSON.stringify(documents),
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toEqual([]);
  };

  it("reads every string that Trueup writes as that string", () => {
    check(fc.sample(text, { numRuns: 600, seed: 7 }));
  });

  it("reads every number that Trueup writes as that number", () => {
    check(
      fc.sample(fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true })), { numRuns: 150, seed: 7 }),
    );
  });
});
