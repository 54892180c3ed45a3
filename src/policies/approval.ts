import { z } from "zod";
import type { CheckedFile } from "../config/checked.js";
import type { ApprovalGuard, PlanSummary } from "../core/policy.js";
import { globs } from "../lib/glob.js";
import { compileCel } from "./cel.js";

const oneOrMore = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);

export const approvalSchema = z.array(
  z.strictObject({
    environment: oneOrMore.optional(),
    target: oneOrMore.optional(),
    when: z.string().min(1).optional(),
  }),
);

/** `plan` as a condition sees it. Counts are whole numbers here: no document's number is among them. */
const PLAN_VARIABLES = {
  plan: {
    environment: "string",
    target: "string",
    targetKind: "string",
    changes: "int",
    creates: "int",
    updates: "int",
    removals: "int",
    pending: "int",
    severity: "string",
  },
} as const;

/**
 * Which plans need a person's approval: those for which one entry of the list speaks. A condition that cannot be evaluated
 * asks: a guard that fails stays shut.
 *
 * @throws TrueupError POLICY_INVALID with the place; `at` is where the list stands in the file.
 */
export async function readApproval(
  specs: z.output<typeof approvalSchema>,
  source: CheckedFile,
  at: readonly string[],
): Promise<ApprovalGuard> {
  const entries = await Promise.all(
    specs.map(async ({ environment, target, when: expression }, index) => {
      const where = source.place([...at, index, "when"]);
      const condition =
        expression === undefined ? undefined : await compileCel({ expression, variables: PLAN_VARIABLES, where });
      const isEnvironment = globs(environment === undefined ? [] : [environment].flat());
      const isTarget = globs(target === undefined ? [] : [target].flat());
      return {
        covers: (name: string, of: string) => isEnvironment(name) && isTarget(of),
        speaks: (plan: PlanSummary): boolean => {
          try {
            return condition?.(celPlan(plan)) ?? true;
          } catch {
            return true;
          }
        },
      };
    }),
  );
  return {
    covers: (environment, target) => entries.some(({ covers }) => covers(environment, target)),
    asks: (plan) => entries.some(({ covers, speaks }) => covers(plan.environment, plan.target) && speaks(plan)),
  };
}

/** CEL's whole numbers are bigints. */
function celPlan(plan: PlanSummary): Record<string, unknown> {
  const counted = Object.entries(plan).map(([name, value]: [string, string | number]) => [
    name,
    typeof value === "number" ? BigInt(value) : value,
  ]);
  return { plan: Object.fromEntries(counted) as unknown };
}
