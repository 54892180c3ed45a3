import { z } from "zod";
import type { GateKind } from "./gate.js";
import { refusal } from "./refusal.js";

const schema = z.string().min(1);

/** A system of the operator's says so: a change board, a test farm. */
export const webhook: GateKind<z.output<typeof schema>> = {
  kind: "webhook",
  schema,
  example: "webhook: change-board",
  open: (name) => ({
    name: "webhook",
    check: (facts) => facts.ask(name).catch(refusal),
  }),
};
