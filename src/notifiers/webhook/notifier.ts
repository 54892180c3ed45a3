import { send } from "../http.js";
import type { Notifier } from "../notifier.js";
import { payloadOf } from "../payload.js";
import type { WebhookSpec } from "./spec.js";
import { sign } from "./signature.js";

export function openWebhook({ url, secret, timeout }: WebhookSpec): Notifier {
  return {
    async deliver(message, signal) {
      const body = payloadOf(message);
      // Of this attempt, and not of the message: receivers refuse an old one as replayed.
      const timestamp = Math.floor(Date.now() / 1_000);
      const signature =
        secret === undefined ? {} : { "webhook-signature": sign(secret, { id: message.id, timestamp, body }) };
      const headers = { "webhook-id": message.id, "webhook-timestamp": String(timestamp), ...signature };
      await send({ url, headers, body, timeout }, signal);
      return {};
    },
    close: () => Promise.resolve(),
  };
}
