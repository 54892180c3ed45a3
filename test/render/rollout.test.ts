import { describe, expect, it } from "vitest";
import { parseEnvironmentFile, readEnvironmentFile } from "../../src/render/environment-file.js";
import { readRollout } from "../../src/render/rollout.js";

const TARGETS =
  "targets: { a: { kind: files, connection: h }, b: { kind: files, connection: h }, c: { kind: files, connection: h } }\n";

const read = (text: string) => {
  const file = parseEnvironmentFile(Buffer.from(text), "environments/prod/environment.yaml");
  return readRollout(readEnvironmentFile([file]), ["api"]);
};
const groups = (text: string) => `rollout:\n  groups:\n${text}${TARGETS}`;

describe("the rollout of an environment.yaml", () => {
  it("is none where nothing is said of it", () => {
    expect(read(TARGETS)).toBeUndefined();
  });

  it("knows every target in one group: those that no group names are in the one with the star, or in the last", () => {
    const named = read(groups('  - { name: one, targets: [b] }\n  - { name: two, targets: ["*"], probes: [api] }\n'));
    expect(named?.groups).toEqual([
      { name: "one", targets: ["b"], probes: [] },
      { name: "two", targets: ["a", "c"], probes: ["api"] },
    ]);
    expect(named?.probeTimeout).toBe(60_000);
    const first = read(groups('  - { name: one, targets: ["*"] }\n  - { name: two, targets: [b] }\n'));
    expect(first?.groups.map(({ targets }) => targets)).toEqual([["a", "c"], ["b"]]);
    const unsaid = read(groups("  - { name: one, targets: [b] }\n  - { name: two, targets: [c] }\n"));
    expect(unsaid?.groups.map(({ targets }) => targets)).toEqual([["b"], ["c", "a"]]);
  });

  it.each([
    ["targets:\n  a: { kind: files, connection: h, dependsOn: [aa] }\n", 2, 48, "there is no target `aa`", "a"],
    ["targets:\n  a: { kind: files, connection: h, dependsOn: [a] }\n", 2, 36, "a → a", "depends on"],
    [groups("  - { name: one, targets: [a, d] }\n"), 3, 31, "no target `d`", 'did you mean "a"?'],
    [
      groups("  - { name: one, targets: [a] }\n  - { name: two, targets: [a] }\n"),
      4,
      28,
      "`a` is in the group `one`",
      "",
    ],
    [
      groups("  - { name: one, targets: [a] }\n  - { name: one, targets: [b] }\n"),
      4,
      13,
      "two groups are called `one`",
      "",
    ],
    [groups("  - { name: one, targets: [a], probes: [app] }\n"), 3, 41, "no probe `app`", "api"],
    [
      groups("  - { name: one, targets: [a] }\n  - { name: two, targets: [b] }\n").replace(
        "files",
        "files, dependsOn: [b]",
      ),
      5,
      30,
      "a → b → a",
      "groups before",
    ],
  ])("says where %j is wrong", (...[text, line, column, message, hint]) => {
    expect(() => read(text)).toThrow(
      expect.objectContaining({
        code: "ENVIRONMENT_INVALID",
        message: expect.stringContaining(message) as string,
        where: { file: "environments/prod/environment.yaml", line, column },
        ...(hint === "" ? {} : { hint: expect.stringContaining(hint) as string }),
      }) as Error,
    );
  });
});
