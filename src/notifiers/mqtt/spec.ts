import { z } from "zod";

const topicPrefix = z.string().regex(/^[^+#\0/]+(\/[^+#\0/]+)*$/, {
  error: "must be topic levels without + and #, such as `trueup` or `site/trueup`",
});

export const mqttSpec = z.strictObject({
  url: z.url({ protocol: /^mqtts?$/, error: "must be mqtt://host[:port] or mqtts://host[:port]" }),
  username: z.string().optional(),
  password: z.string().optional(),
  /** The path of a PEM file: whom to trust. */
  ca: z.string().min(1).optional(),
  prefix: topicPrefix.default("trueup"),
  /** Where Home Assistant looks for devices. */
  discoveryPrefix: topicPrefix.default("homeassistant"),
});
export type MqttSpec = z.infer<typeof mqttSpec>;
