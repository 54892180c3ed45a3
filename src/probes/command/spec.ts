import { z } from "zod";
import { durationSchema } from "../../lib/duration.js";

export const commandSpec = z.strictObject({
  /** The program and its arguments; no shell reads them. */
  run: z.tuple([z.string().min(1)], z.string()),
  timeout: durationSchema.default(10_000),
});
export type CommandSpec = z.output<typeof commandSpec>;
