import { createHmac } from "node:crypto";

export interface Signed {
  readonly id: string;
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly body: string;
}

/**
 * The value of `webhook-signature`, as https://www.standardwebhooks.com has it. A secret that begins with `whsec_` is base64,
 * any other one counts as the text that it is.
 */
export function sign(secret: string, { id, timestamp, body }: Signed): string {
  const key = secret.startsWith("whsec_") ? Buffer.from(secret.slice("whsec_".length), "base64") : Buffer.from(secret);
  return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
}

/** The headers of one attempt: its time is now, and not the message's, as receivers refuse an old one as replayed. */
export function webhookHeaders(
  secret: string | undefined,
  { id, body }: Omit<Signed, "timestamp">,
): Readonly<Record<string, string>> {
  const timestamp = Math.floor(Date.now() / 1_000);
  const signature = secret === undefined ? {} : { "webhook-signature": sign(secret, { id, timestamp, body }) };
  return { "webhook-id": id, "webhook-timestamp": String(timestamp), ...signature };
}
