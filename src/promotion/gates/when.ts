import { z } from "zod";
import { SEVERITIES } from "../../core/policy.js";
import { compileCel } from "../../policies/cel.js";
import type { Facts, GateKind } from "./gate.js";

const schema = z.string().min(1);

const VARIABLES = {
  promotion: {
    ...{ from: "string", to: "string", revision: "string" },
    ...{ commits: "int", changes: "int", targets: "list<string>" },
    drift: { low: "int", medium: "int", high: "int", critical: "int" },
  },
};

/** A CEL condition on what is promoted. */
export const when: GateKind<z.output<typeof schema>> = {
  kind: "when",
  schema,
  example: "when: 'promotion.changes < 50'",
  async open(expression, { source, path }) {
    const condition = await compileCel({
      ...{ expression, variables: VARIABLES, where: source.place(path) },
      hint: `\`promotion\` has ${Object.keys(VARIABLES.promotion).join(", ")}; \`promotion.drift\`: ${SEVERITIES.join(", ")}`,
    });
    const shown = shortened(expression);
    return {
      name: "when",
      check: (facts) => {
        try {
          const holds = condition({ promotion: subject(facts) });
          return Promise.resolve(
            holds
              ? { state: "passed", reason: `${shown} holds` }
              : { state: "failed", reason: `${shown} does not hold` },
          );
        } catch (error) {
          const why = error instanceof Error ? error.message : "it cannot be evaluated";
          return Promise.resolve({ state: "failed", reason: `${shown} cannot be told: ${why}` });
        }
      },
    };
  },
};

function subject({ from, to, revision, source, candidate: { commits, changes, targets } }: Facts) {
  const drift = Object.fromEntries(SEVERITIES.map((severity) => [severity, BigInt(source.drift[severity])]));
  return { from, to, revision, commits: BigInt(commits), changes: BigInt(changes), targets, drift };
}

function shortened(expression: string): string {
  const line = expression.replaceAll(/\s+/g, " ").trim();
  return `\`${line.length > 120 ? `${line.slice(0, 120)}…` : line}\``;
}
