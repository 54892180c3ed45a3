import { z } from "zod";
import { durationSchema } from "../../lib/duration.js";
import { httpAddress } from "../../lib/http-address.js";

export const webhookSpec = z.strictObject({
  url: httpAddress,
  /** Signs each message; `whsec_…` is base64. */
  secret: z.string().min(1).optional(),
  /** Of one attempt. */
  timeout: durationSchema.default(10_000),
});
export type WebhookSpec = z.infer<typeof webhookSpec>;
