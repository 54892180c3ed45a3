import { z } from "zod";
import type { Approver, GateKind } from "./gate.js";

const schema = z.strictObject({
  count: z.int().min(1).default(1),
  /** Logins, and `@org/team`; where left out, whoever may write to the repository. */
  by: z.array(z.string().min(1)).min(1).optional(),
});

/** So many people approved this very revision: an approval of another one counts for nothing. */
export const approvals: GateKind<z.output<typeof schema>> = {
  kind: "approvals",
  schema,
  open: ({ count, by }) => ({
    name: "approvals",
    async check(facts) {
      const counted = (await facts.approvals()).filter((approver) => by === undefined || isAmong(approver, by));
      const names = [...new Set(counted.map(({ login }) => login))];
      const who = names.length === 0 ? "nobody yet" : names.join(", ");
      if (names.length >= count) return { state: "passed", reason: `approved by ${who}` };
      const from = by === undefined ? "" : ` of ${by.join(", ")}`;
      return { state: "pending", reason: `approved by ${who}; ${count - names.length} more${from} needed` };
    },
  }),
};

function isAmong({ login, teams }: Approver, by: readonly string[]): boolean {
  const names = [login, ...teams.map((team) => `@${team}`)].map((name) => name.toLowerCase());
  return by.some((name) => names.includes(name.toLowerCase()));
}
