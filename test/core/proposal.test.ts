import { describe, expect, it } from "vitest";
import { type ProposalInput, proposalStep } from "../../src/core/proposal.js";
import { tableIn } from "../support/tables.js";

describe("the table above `proposalStep`", () => {
  const rows = tableIn("core/proposal.ts");

  const settings = { "/a": "1", "/b": "1" };
  const drifts: Record<string, ProposalInput["drift"][]> = {
    none: [{}],
    same: [settings],
    other: [{ "/a": "1" }, { "/a": "2", "/b": "1" }, { ...settings, "/c": "1" }],
    new: [{ "/a": "2" }, { "/c": "1" }],
  };
  drifts["some"] = Object.entries(drifts).flatMap(([name, each]) => (name === "none" ? [] : each));

  it("has all its rows", () => {
    expect(rows).toHaveLength(14);
  });

  it.each(rows.map((row) => ({ row, name: row.join(" | ") })))("$name", ({ row }) => {
    const [drift = "", pull = "", step = ""] = row;
    const [state = "", ...how] = pull.split(/[ ,]+/);
    const known =
      state === "absent" && !how.includes("known") ? undefined : { settings, closing: how.includes("ourselves") };
    expect(drifts[drift]?.length).toBeGreaterThan(0);
    for (const each of drifts[drift] ?? []) {
      const answer = proposalStep({
        drift: each,
        known,
        state: state as ProposalInput["state"],
        mergeSeen: how.includes("seen") && !how.includes("not"),
      });
      expect(answer.do).toBe(step);
      if (answer.do !== "revert") continue;
      expect(answer.settings.length).toBeGreaterThan(0);
      for (const path of answer.settings) expect(each[path]).toBe("1");
    }
  });

  it("opens one anew for an open pull request that nobody remembers, by updating it", () => {
    const input = { drift: settings, known: undefined, state: "open", mergeSeen: false } as const;
    expect(proposalStep(input)).toEqual({ do: "update" });
  });

  it("takes a setting called __proto__ for a setting", () => {
    const known = { settings: { "/__proto__": "1" }, closing: false };
    const input = { drift: { "/__proto__": "1" }, known, state: "closed", mergeSeen: false } as const;
    expect(proposalStep(input)).toEqual({ do: "revert", settings: ["/__proto__"] });
  });
});
