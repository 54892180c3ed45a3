import { z } from "zod";
import { durationSchema } from "../../lib/duration.js";

export const mqttSpec = z.strictObject({
  url: z.url({ protocol: /^mqtts?$/, error: "must be mqtt://host[:port] or mqtts://host[:port]" }),
  username: z.string().optional(),
  password: z.string().optional(),
  /** The path of a PEM file: whom to trust. */
  ca: z.string().min(1).optional(),
  /** A filter, so that `+` and `#` are fine. */
  topic: z.string().min(1),
  /** How long it is listened to. */
  within: durationSchema.default(30_000),
  /** The payload that must come. */
  equals: z.string().optional(),
  /** Whether what the broker kept counts: a status that a will takes back, and not a sign of life. */
  retained: z.boolean().default(false),
});
export type MqttSpec = z.output<typeof mqttSpec>;
