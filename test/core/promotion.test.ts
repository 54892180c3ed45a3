import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { judged, together } from "../../src/core/gate.js";
import { promotionStep, type PromotionInput, type Relation } from "../../src/core/promotion.js";
import type { PullRequestState } from "../../src/core/proposal.js";

const TIP = "t1";
const WANTED = "r2";

interface Row {
  readonly wanted: string;
  readonly relation: string;
  readonly pull: string;
  readonly gates: string;
  readonly step: string;
}

/** The table above the function: what it says is what is tested. */
const rows: readonly Row[] = readFileSync(new URL("../../src/core/promotion.ts", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => /^ \* \| (yes|no) /.test(line))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, wanted = "", relation = "", pull = "", gates = "", step = ""]) => ({ wanted, relation, pull, gates, step }));

const RELATIONS: readonly Relation[] = ["held", "ahead", "conflicting", "unrelated", "hindered"];
const PULLS: readonly PullRequestState[] = ["absent", "open", "merged", "closed"];
const GATES = ["passed", "pending", "failed"] as const;

/** Every input that a row speaks of. */
function inputsOf({ wanted, relation, pull, gates }: Row): readonly PromotionInput[] {
  const [state = "", which] = pull.split(/[ ,]+/, 2);
  const states = PULLS.filter((one) =>
    state === "any" || state === "" ? true : state === "other" ? one !== "open" : one === state,
  );
  const knowns = [
    undefined,
    { revision: WANTED, onto: TIP, closing: false },
    { revision: "r1", onto: "t0", closing: false },
    { revision: WANTED, onto: TIP, closing: true },
  ].filter((known) => {
    if (pull === "other, known") return known !== undefined;
    if (pull === "other, unknown") return known === undefined;
    if (pull === "closed by ourselves") return known?.closing === true;
    if (which === "same") return known?.closing === false && known.revision === WANTED;
    if (which === "other") return known?.revision !== WANTED;
    return true;
  });
  const inputs: PromotionInput[] = [];
  for (const known of knowns)
    for (const one of states)
      for (const rel of RELATIONS.filter((candidate) => relation === "any" || candidate === relation))
        for (const gate of GATES)
          for (const merge of ["direct", "pull-request"] as const)
            for (const auto of [true, false]) {
              if (gates.startsWith("direct") !== (merge === "direct") && gates !== "") continue;
              const isPassed = gates.includes("passed");
              if (gates.startsWith("direct") && (gate === "passed") !== isPassed) continue;
              if (gates === "passed, auto" && !(gate === "passed" && auto)) continue;
              if (gates === "other" && gate === "passed" && auto) continue;
              inputs.push({
                ...{ wanted: wanted === "yes" ? WANTED : undefined, tip: TIP, relation: rel, gates: gate },
                ...{ merge, auto, known, pull: one },
              });
            }
  return inputs;
}

describe("what comes of a promotion", () => {
  it("the table has all its rows", () => {
    expect(rows).toHaveLength(20);
  });
  it.each(rows)("wanted $wanted, $relation, pull request $pull, $gates: $step", (row) => {
    const inputs = inputsOf(row).filter(({ merge, relation, wanted }) =>
      // Rows of the pull request's own state are about pull requests.
      wanted !== undefined && relation === "ahead" && !row.gates.startsWith("direct") ? merge === "pull-request" : true,
    );
    expect(inputs.length).toBeGreaterThan(0);
    for (const input of inputs) expect([input, promotionStep(input)]).toEqual([input, row.step]);
  });
});

describe("gates", () => {
  it("a waiver lets through what has not passed, by name, and says who and why", () => {
    const waivers = [{ gate: "soak", by: "ann", reason: "INC-1" }];
    expect(judged("soak", { state: "pending", reason: "2h left" }, waivers)).toEqual({
      ...{ name: "soak", state: "waived", reason: "ann waived it: INC-1 (2h left)", by: ["ann"] },
    });
    expect(judged("soak", { state: "passed", reason: "done" }, waivers).state).toBe("passed");
    expect(judged("checks", { state: "failed", reason: "red" }, waivers).state).toBe("failed");
  });
  it("one that failed fails all, one that waits lets all wait, none passes", () => {
    const gate = (state: "passed" | "waived" | "pending" | "failed") => ({ name: state, state, reason: "" });
    expect(together([])).toBe("passed");
    expect(together([gate("passed"), gate("waived")])).toBe("passed");
    expect(together([gate("passed"), gate("pending")])).toBe("pending");
    expect(together([gate("pending"), gate("failed")])).toBe("failed");
  });
});
