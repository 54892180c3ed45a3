import { expect, it } from "vitest";
import type { PullRequest } from "../../src/forges/forge.js";
import { nextOf } from "../../src/promotion/next.js";

const hop = { from: "dev", to: "prod" };
const revision = "1a2b3c4d5e6f7a8b";
const pull: PullRequest = { number: 7, url: "https://forge.example/7", title: "", body: "", state: "closed" };
const gate = { name: "synced", state: "passed", reason: "dev is in sync" } as const;
const conflicting = { relation: "conflicting", conflicts: [], hotfixes: [] } as const;
const unrelated = { relation: "unrelated" } as const;
const waive =
  "let it past a gate on your word: `trueup promote dev prod --to-revision 1a2b3c4d5e --waive GATE --because REASON`";

it.each([
  ["waiting", "its gates say", [gate, { name: "soak", state: "pending", reason: "2 h left" }], [waive]],
  [
    ...(["waiting", "two gates say the same, once"] as const),
    ["synced", "soak"].map(
      (name) => ({ name, state: "pending", reason: "drift", todo: "see what keeps dev" }) as const,
    ),
    ["see what keeps dev", waive],
  ],
  ["waiting", "all gates have passed", [gate], []],
  ["idle", "nobody asked", [{ name: "soak", state: "pending", reason: "2 h left" }], []],
] as const)("where it is %s, and %s, a person is told what to do", (state, _, gates, expected) => {
  expect(nextOf(hop, { candidate: unrelated, gates, pull: undefined, revision }, state)).toEqual(expected);
});

it("who declined it may think better of it, and who is in conflict may look at both", () => {
  const look = { candidate: unrelated, gates: [], pull, revision };
  const anew = "commit another revision to dev: it is proposed anew";
  expect(nextOf(hop, look, "declined")).toEqual(["reopen https://forge.example/7, where that can be", anew]);
  expect(nextOf(hop, { ...look, pull: { ...pull, state: "merged" } }, "declined")).toEqual([anew]);
  expect(nextOf(hop, { ...look, candidate: conflicting }, "blocked")).toEqual([
    "see what both have: `trueup compare dev prod`",
  ]);
  expect(nextOf(hop, look, "blocked")).toEqual([]);
});
