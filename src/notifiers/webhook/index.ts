import type { NotifierKind } from "../notifier.js";
import { webhookSpec, type WebhookSpec } from "./spec.js";

/** Messages as JSON, for programs. */
export const webhook: NotifierKind<WebhookSpec> = {
  kind: "webhook",
  spec: webhookSpec,
  report: "json",
  async open(spec) {
    const { openWebhook } = await import("./notifier.js");
    return openWebhook(spec);
  },
};
