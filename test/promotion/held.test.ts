import { describe, expect, it } from "vitest";
import type { Commit } from "../../src/git/lineage.js";
import { heldRevision, PROMOTED, ROLLED_BACK } from "../../src/promotion/held.js";

function commit(id: string, parents: readonly string[], trailers: Readonly<Record<string, string>> = {}): Commit {
  return {
    ...{ id, tree: `tree of ${id}`, parents, author: "Ann", at: "2026-01-01T00:00:00Z", subject: id },
    trailers: new Map(Object.entries(trailers)),
  };
}

const isInSource = (id: string): boolean => id.startsWith("r");
const held = (own: readonly Commit[], recorded: Readonly<Record<string, string>> = {}): string | undefined =>
  heldRevision({ own, isInSource, recorded: new Map(Object.entries(recorded)) });

describe("the revision that a branch holds", () => {
  it.each([
    ["no commit of its own", [], {}, undefined],
    ["hotfixes only", [commit("h2", ["h1"]), commit("h1", ["r1"])], {}, undefined],
    [
      "promoted by a merge, then a hotfix",
      [commit("h", ["m"]), commit("m", ["r1", "r2"], { [PROMOTED]: "r2" })],
      {},
      "r2",
    ],
    ["promoted, squashed, known by the trailer", [commit("s", ["r1"], { [PROMOTED]: "r2" })], {}, "r2"],
    ["promoted, squashed, known by the store", [commit("h", ["s"]), commit("s", ["r1"])], { s: "r2" }, "r2"],
    ["the store over the trailer", [commit("s", ["r1"], { [PROMOTED]: "r9" })], { s: "r2" }, "r2"],
    [
      "the newest of two",
      [commit("n", ["m"], { [PROMOTED]: "r3" }), commit("m", ["r1"], { [PROMOTED]: "r2" })],
      {},
      "r3",
    ],
    [
      "merged by hand after a promotion",
      [commit("h", ["m", "r3"]), commit("m", ["r1"], { [PROMOTED]: "r2" })],
      {},
      "r3",
    ],
    ["a hotfix branch merged by hand", [commit("h", ["m", "x"]), commit("m", ["r1"], { [PROMOTED]: "r2" })], {}, "r2"],
    [
      "rolled back to an earlier promotion",
      [
        commit("b", ["n"], { [ROLLED_BACK]: "m" }),
        commit("n", ["m"], { [PROMOTED]: "r3" }),
        commit("m", ["r1"], { [PROMOTED]: "r2" }),
      ],
      {},
      "r2",
    ],
    [
      "rolled back to a hotfix on an earlier promotion",
      [
        commit("b", ["n"], { [ROLLED_BACK]: "h" }),
        commit("n", ["h"], { [PROMOTED]: "r3" }),
        commit("h", ["m"]),
        commit("m", ["r1"], { [PROMOTED]: "r2" }),
      ],
      {},
      "r2",
    ],
    ["rolled back to a commit that the source has", [commit("b", ["r3"], { [ROLLED_BACK]: "r1" })], {}, "r1"],
    [
      "rolled back to a hotfix from before any promotion",
      [commit("b", ["n"], { [ROLLED_BACK]: "h" }), commit("n", ["h", "r2"], { [PROMOTED]: "r2" }), commit("h", ["r1"])],
      {},
      "r1",
    ],
    [
      "rolled back twice",
      [
        commit("b2", ["b1"], { [ROLLED_BACK]: "m" }),
        commit("b1", ["n"], { [ROLLED_BACK]: "n" }),
        commit("n", ["m"], { [PROMOTED]: "r3" }),
        commit("m", ["r1"], { [PROMOTED]: "r2" }),
      ],
      {},
      "r2",
    ],
    [
      "promoted again after a roll-back",
      [
        commit("p", ["b"], { [PROMOTED]: "r4" }),
        commit("b", ["n"], { [ROLLED_BACK]: "m" }),
        commit("n", ["m"], { [PROMOTED]: "r3" }),
        commit("m", ["r1"], { [PROMOTED]: "r2" }),
      ],
      {},
      "r4",
    ],
  ] as const)("%s", (_, own, recorded, expected) => {
    expect(held(own, recorded)).toBe(expected);
  });
});
