import { z } from "zod";
import type { GateKind } from "./gate.js";

const schema = z.array(z.string().min(1)).min(1);

/** Checks and statuses of the commit on the forge are green, by name. */
export const checks: GateKind<z.output<typeof schema>> = {
  kind: "checks",
  schema,
  example: "checks: [build, lint]",
  open: (names) => ({
    name: "checks",
    async check(facts) {
      const known = await facts.checks();
      if (known === undefined) {
        return { state: "failed", reason: "there is no forge that could tell of checks: set `forge` in trueup.yaml" };
      }
      const failed = names.filter((name) => known.get(name) === "failed");
      if (failed.length > 0) return { state: "failed", reason: `${failed.join(", ")} failed` };
      const open = names.filter((name) => known.get(name) !== "passed");
      if (open.length === 0) return { state: "passed", reason: `${names.join(", ")} passed` };
      return { state: "pending", reason: `waits for ${open.join(", ")}` };
    },
  }),
};
