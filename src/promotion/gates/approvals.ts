import { z } from "zod";
import type { Approver } from "../../core/gate.js";
import { commandFor, type GateKind } from "./gate.js";

const personOrTeam = z.string().regex(/^([^@]|@[^/@]+\/[^/@]+$)/, "expected a login, or a team as @org/team");

const schema = z
  .strictObject({
    count: z.int().min(1).default(1),
    /** Logins, and `@org/team`; where left out, whoever may write to the repository. */
    by: z.array(personOrTeam).min(1).optional(),
  })
  .superRefine(({ count, by = ["@any/team"] }, context) => {
    const people = new Set(by.map((name) => name.toLowerCase())).size;
    if (count <= people || by.some((name) => name.startsWith("@"))) return;
    const message = `${count} cannot approve: \`by\` names ${people}`;
    context.addIssue({ code: "custom", message, path: ["count"] });
  });

/** So many people approved this very revision: an approval of another one counts for nothing. */
export const approvals: GateKind<z.output<typeof schema>> = {
  kind: "approvals",
  schema,
  example: 'approvals: { count: 1, by: [ann, "@acme/ops"] }',
  open: ({ count, by }) => ({
    name: "approvals",
    ...(by !== undefined && { people: by }),
    async check(facts) {
      const teams = (by ?? []).flatMap((name) => (name.startsWith("@") ? [name.slice(1)] : []));
      const { approvers, unknown } = await facts.approvals(teams);
      const counted = approvers.filter((approver) => by === undefined || isAmong(approver, by));
      // One person on the command line and on the forge is one.
      const names = [...new Map(counted.map(({ login }) => [login.toLowerCase(), login])).values()];
      const who = names.length === 0 ? "nobody yet" : names.join(", ");
      if (names.length >= count) return { state: "passed", reason: `approved by ${who}`, by: names };
      const from = by === undefined ? "" : ` of ${by.join(", ")}`;
      const needed = `approved by ${who}; ${count - names.length} more${from} needed`;
      const others = approvers.filter((approver) => !counted.includes(approver)).map(({ login }) => login);
      // Who is in a team that nobody shows may decide all the same.
      const uncounted =
        others.length === 0 || unknown.length > 0 ? [] : [`${[...new Set(others)].join(", ")} cannot decide on it`];
      const reason = [needed, ...uncounted, ...unknown].join("; ");
      const todo = `approve it: \`${commandFor(facts)} --approve\``;
      return { state: "pending", reason, todo, ...(names.length > 0 && { by: names }) };
    },
  }),
};

function isAmong({ login, teams }: Approver, by: readonly string[]): boolean {
  const names = [login, ...teams.map((team) => `@${team}`)].map((name) => name.toLowerCase());
  return by.some((name) => names.includes(name.toLowerCase()));
}
