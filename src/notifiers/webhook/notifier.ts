import { webhookHeaders } from "../../lib/webhook-signature.js";
import { send } from "../http.js";
import type { Notifier } from "../notifier.js";
import { payloadOf } from "../payload.js";
import type { WebhookSpec } from "./spec.js";

export function openWebhook({ url, secret, timeout }: WebhookSpec): Notifier {
  return {
    async deliver(message, signal) {
      const body = payloadOf(message);
      await send({ url, headers: webhookHeaders(secret, { id: message.id, body }), body, timeout }, signal);
      return {};
    },
    close: () => Promise.resolve(),
  };
}
