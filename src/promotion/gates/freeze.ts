import type { z } from "zod";
import { freezeSchema, readFreeze } from "../../policies/freeze.js";
import { freezeRefusal } from "../../core/freeze.js";
import type { GateKind } from "./gate.js";

/** No freeze window of the environment that is to be reached is open. */
export const freeze: GateKind<z.output<typeof freezeSchema>> = {
  kind: "freeze",
  // Without a window it would guard nothing.
  schema: freezeSchema.min(1),
  example: 'freeze: [ { cron: "0 18 * * 5", duration: 62h } ]',
  open(specs, { source, path }) {
    const guard = readFreeze(specs, source, path);
    return {
      name: "freeze",
      check: ({ to, now }) => {
        const refusal = freezeRefusal(guard(to, now), ["promoted", "promotions"]);
        return Promise.resolve(
          refusal === undefined
            ? { state: "passed", reason: "no freeze window is open" }
            : { state: "pending", reason: refusal },
        );
      },
    };
  },
};
