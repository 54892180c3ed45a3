import { z } from "zod";
import { durationSchema } from "../lib/duration.js";
import { httpAddress } from "../lib/http-address.js";

/** A system that gates of a promotion ask for its word. */
export const webhookSchema = z.strictObject({
  url: httpAddress,
  /** Signs each question; `whsec_…` is base64. */
  secret: z.string().min(1).optional(),
  /** Of one question. */
  timeout: durationSchema.default(10_000),
});
export type WebhookConfig = z.output<typeof webhookSchema>;
