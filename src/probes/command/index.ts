import { z } from "zod";
import { durationSchema } from "../../lib/duration.js";
import type { ProbeKind } from "../probe.js";

const schema = z.strictObject({
  /** The program and its arguments; no shell reads them. */
  run: z.tuple([z.string().min(1)], z.string()),
  timeout: durationSchema.default(10_000),
});
export type CommandSpec = z.output<typeof schema>;

/** A program that exits with 0. It runs in the folder of trueup.yaml, with the environment's name in TRUEUP_ENVIRONMENT. */
export const command: ProbeKind<CommandSpec> = {
  kind: "command",
  schema,
  async open(spec, context) {
    const { openCommand } = await import("./probe.js");
    return openCommand(spec, context);
  },
};
