import { z } from "zod";
import { prefixFault } from "./topics.js";

const prefix = z.string().check((context) => {
  const fault = prefixFault(context.value);
  if (fault !== undefined)
    context.issues.push({ code: "custom", input: context.value, message: `the prefix ${fault}` });
});

export const mqttSpec = z.strictObject({
  prefix,
  payload: z.enum(["auto", "json", "text"]).default("auto"),
});
export type MqttSpec = z.infer<typeof mqttSpec>;

export const mqttConnection = z.strictObject({
  url: z.url({ protocol: /^mqtts?$/, error: "must be mqtt://host[:port] or mqtts://host[:port]" }),
  username: z.string().optional(),
  password: z.string().optional(),
  /** Paths of PEM files: whom to trust, and who we are. They are read anew at every connection. */
  ca: z.string().optional(),
  cert: z.string().optional(),
  key: z.string().optional(),
  /** Exactly one client at a time may have it; default: a random one. */
  clientId: z.string().min(1).optional(),
  protocolVersion: z.union([z.literal(5), z.literal(4)]).optional(),
  /** Targets can only reach topics below it. */
  prefix: prefix.optional(),
});
export type MqttConnection = z.infer<typeof mqttConnection>;

/** `host:port`, for errors and claims: never a credential. */
export function brokerAddress({ url }: MqttConnection): string {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname.toLowerCase()}:${port === "" ? (protocol === "mqtts:" ? "8883" : "1883") : port}`;
}
