import type { NotifierKind } from "../notifier.js";
import { emailSpec, type EmailSpec } from "./spec.js";

/** Mail by SMTP. */
export const email: NotifierKind<EmailSpec> = {
  kind: "email",
  spec: emailSpec,
  report: "html",
  async open(spec) {
    const { openEmail } = await import("./notifier.js");
    return openEmail(spec);
  },
};
