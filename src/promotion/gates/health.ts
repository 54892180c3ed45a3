import { z } from "zod";
import type { GateKind } from "./gate.js";
import { refusal } from "./refusal.js";

const schema = z.array(z.string().min(1)).min(1);

/** The probes of the source environment that trueup.yaml gives these names find it healthy. */
export const health: GateKind<z.output<typeof schema>> = {
  kind: "health",
  schema,
  example: "health: [api]",
  open: (names) => ({
    name: "health",
    async check(facts) {
      try {
        const probed = await Promise.all(names.map(async (name) => ({ name, ...(await facts.probe(name)) })));
        const ill = probed.filter(({ healthy }) => !healthy);
        if (ill.length === 0) return { state: "passed", reason: `${names.join(", ")} of ${facts.from} healthy` };
        return { state: "pending", reason: ill.map(({ name, detail }) => `${name}: ${detail}`).join("; ") };
      } catch (error) {
        return refusal(error);
      }
    },
  }),
};
