import { describe, expect, it } from "vitest";
import type { PlanSummary } from "../../src/core/policy.js";
import { readDriftPolicy } from "../../src/policies/drift.js";

const FILE = "policies/drift.yaml";
const plan = (more: Partial<PlanSummary> = {}): PlanSummary => ({
  ...{ environment: "prod", target: "settings", targetKind: "postgres-table" },
  ...{ changes: 3, creates: 1, updates: 2, removals: 0, pending: 1, severity: "medium" },
  ...more,
});
const guardOf = async (entries: string) =>
  (await readDriftPolicy(`guards: { approval: [${entries}] }`, FILE)).guards.approval;

describe("the approval guard", () => {
  it.each<[string, Partial<PlanSummary>, boolean]>([
    ["", {}, false],
    ["{}", {}, true],
    ["{ environment: prod }", {}, true],
    ["{ environment: [staging, 'prod-*'] }", { environment: "prod-eu" }, true],
    ["{ environment: prod }", { environment: "dev" }, false],
    ["{ environment: prod, target: broker }", {}, false],
    ["{ target: broker }, { environment: prod, target: 'set*' }", {}, true],
    ["{ when: 'plan.removals > 0' }", {}, false],
    ["{ when: 'plan.removals > 0' }", { removals: 1 }, true],
    ["{ when: 'plan.creates + plan.updates >= 3 && plan.pending == 1 && plan.changes == 3' }", {}, true],
    [`{ when: 'plan.severity in ["high", "critical"]' }`, { severity: "high" }, true],
    [`{ when: 'plan.severity in ["high", "critical"]' }`, {}, false],
    [`{ environment: prod, when: 'plan.targetKind == "mqtt"' }`, {}, false],
  ])("%s asks of %j: %s", async (entries, more, expected) => {
    expect((await guardOf(entries)).asks(plan(more))).toBe(expected);
  });

  it("that cannot be evaluated stays shut", async () => {
    expect((await guardOf("{ when: 'plan.changes / plan.removals > 1' }")).asks(plan())).toBe(true);
  });

  it("knows the targets of which no plan needs an approval", async () => {
    const guard = await guardOf("{ environment: prod, target: settings, when: 'plan.removals > 0' }");
    expect(guard.covers("prod", "settings")).toBe(true);
    expect(guard.covers("prod", "broker")).toBe(false);
    expect((await readDriftPolicy("", FILE)).guards.approval.covers("prod", "settings")).toBe(false);
  });

  it.each([
    ["guards:\n  approval:\n    - { enviroment: prod }\n", 3, 21],
    ["guards:\n  approval:\n    - { environment: 7 }\n", 3, 22],
    ["guards:\n  approval:\n    - { when: 'plan.removed > 0' }\n", 3, 15],
    ["guards:\n  approval:\n    - { when: 'plan.changes' }\n", 3, 15],
    ["guards:\n  approval: { environment: prod }\n", 2, 3],
  ])("that says %j is refused with the place", async (text, line, column) => {
    await expect(readDriftPolicy(text, FILE)).rejects.toMatchObject({
      code: "POLICY_INVALID",
      where: { file: FILE, line, column },
    });
  });
});
