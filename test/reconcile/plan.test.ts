import { describe, expect, it } from "vitest";
import type { FindingKind } from "../../src/core/finding.js";
import { DEFAULT_GUARDS } from "../../src/core/policy.js";
import type { Judged } from "../../src/reconcile/judge.js";
import { type PlanOptions, planOf } from "../../src/reconcile/plan.js";
import { tableIn } from "../support/tables.js";

const found = (path: string, kind: FindingKind): Judged => ({
  finding: { path, kind, action: "update", desired: 1, live: 2, lastApplied: kind === "pending" ? 2 : 1 },
  sensitive: false,
  decision: { severity: "low", actions: [kind === "pending" ? "sync" : "heal"], rule: "all", passedOver: [] },
  note: undefined,
});
const both = (cell: string | undefined): boolean[] => (cell === "any" ? [true, false] : [cell === "yes"]);
const REFUSING = {
  freeze: { freeze: () => ({ cause: { kind: "allow" as const }, until: undefined }) },
  "the blast radius": { guards: { ...DEFAULT_GUARDS, blastRadius: { share: 0, atLeast: 1 } } },
  approval: { approving: { asks: () => true, hash: () => "abc", approved: undefined } },
} satisfies Readonly<Record<string, Partial<PlanOptions>>>;
const AGREEING = {
  ...{ guards: DEFAULT_GUARDS, freeze: () => undefined, managed: 2, exclusive: false },
  ...{ wishes: { sync: false, confirm: false }, approving: { asks: () => false, hash: () => "", approved: undefined } },
} as const;
const WRITES: Readonly<Record<string, readonly string[]>> = {
  "all of it is written": ["/pending", "/drift"],
  "nothing is written": [],
  "it is restored": ["/pending"],
  "it is restored; the drift is refused by the next pass": ["/pending"],
};

describe("the table above `planOf`", () => {
  const rows = tableIn("reconcile/plan.ts");

  it.each(rows.map((row) => ({ row, name: row.join(" | ") })))("$name", ({ row }) => {
    const [guards, restored, drift, then = ""] = row;
    const refusing = guards === "refuse" ? Object.values(REFUSING) : [{}];
    for (const refusal of refusing) {
      for (const restoring of both(restored)) {
        for (const drifted of both(drift)) {
          const judged = [found("/pending", "pending"), ...(drifted ? [found("/drift", "modified")] : [])];
          const plan = planOf(judged, { ...AGREEING, restoring, ...refusal });
          const isWritten = plan.refusal === undefined;
          expect(isWritten ? plan.changes.map(({ path }) => path) : []).toEqual(
            WRITES[then]?.filter((path) => drifted || path !== "/drift"),
          );
          // What is restored waits for nobody's approval.
          if (isWritten) expect(plan.hash).toBeUndefined();
        }
      }
    }
  });

  it("speaks of every case, once", () => {
    const cases = rows.flatMap(([guards, restored, drift]) =>
      both(restored).flatMap((a) => both(drift).map((b) => JSON.stringify([guards, a, b]))),
    );
    expect(new Set(cases).size).toBe(8);
    expect(cases).toHaveLength(8);
  });
});
