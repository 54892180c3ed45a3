import { createTransport } from "nodemailer";
import { TrueupError } from "../../core/errors.js";
import { unreachable, within } from "../failure.js";
import type { Notifier } from "../notifier.js";
import { mailOf } from "./mail.js";
import type { EmailSpec } from "./spec.js";

const TIMEOUT_MS = 30_000;

/** One connection a mail: a notifier rests for hours, and servers hang up on who rests. */
export function openEmail(spec: EmailSpec): Notifier {
  const { from, to } = spec;
  const options = transportOptions(spec);
  const where = `${options.host}:${options.port}`;
  const transport = createTransport(options);
  const domain = /@([\w.-]+)>?\s*$/.exec(from)?.[1] ?? "trueup.invalid";
  return {
    async deliver(message, signal) {
      const mail = mailOf(message, domain);
      await within(
        async () => {
          try {
            await transport.sendMail({ ...mail, from, to: [...to], headers: { "Auto-Submitted": "auto-generated" } });
          } catch (error) {
            throw deliveryError(error, where);
          }
        },
        { where, milliseconds: TIMEOUT_MS, signal },
      );
      return { thread: message.thread ?? mail.messageId };
    },
    close() {
      transport.close();
      return Promise.resolve();
    },
  };
}

function transportOptions({ url, username, password, plaintext }: EmailSpec) {
  const address = new URL(url);
  const secure = address.protocol === "smtps:";
  const user = username ?? decodeURIComponent(address.username);
  const pass = password ?? decodeURIComponent(address.password);
  return {
    host: address.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: address.port === "" ? (secure ? 465 : 587) : Number(address.port),
    secure,
    requireTLS: !secure && user !== "" && !plaintext,
    ...(user === "" ? {} : { auth: { user, pass } }),
    connectionTimeout: 10_000,
    greetingTimeout: 10_000,
    socketTimeout: TIMEOUT_MS,
    // Neither paths nor addresses are read for the contents of a mail.
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

/** By the reply's code alone: servers repeat addresses and logins in its text. */
function deliveryError(error: unknown, where: string): TrueupError {
  const { code, responseCode } = (error ?? {}) as { readonly code?: unknown; readonly responseCode?: unknown };
  const reply = typeof responseCode === "number" ? responseCode : undefined;
  if (code === "ETLS") {
    return new TrueupError("DELIVERY_FAILED", `the mail server ${where} offers no TLS that can be trusted`, {
      hint: "use smtps://, or set `plaintext: true` where the network in between is trusted",
    });
  }
  if (reply !== undefined && reply >= 500) {
    return new TrueupError("DELIVERY_REFUSED", `the mail server ${where} answered ${reply}`, {
      hint:
        code === "EAUTH"
          ? "check the username and password"
          : "check `from` and `to`, and what the server lets this login send",
    });
  }
  if (reply !== undefined) {
    return new TrueupError("DELIVERY_FAILED", `the mail server ${where} answered ${reply}`, {
      hint: "the delivery is tried again",
    });
  }
  if (code === "EENVELOPE" || code === "EMESSAGE") {
    return new TrueupError("DELIVERY_REFUSED", "`from` or `to` is no mail address", { hint: "correct the addresses" });
  }
  return unreachable(`the mail server ${where}`, causeOf(error));
}

/** nodemailer's own codes say where in its course it broke, `syscall` errors what befell the network. */
function causeOf(error: unknown): unknown {
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  const network = typeof message === "string" ? /\bE[A-Z]{5,}\b/.exec(message)?.[0] : undefined;
  return { code: network ?? (code === "ETIMEDOUT" ? "ETIMEDOUT" : code === "EDNS" ? "ENOTFOUND" : undefined) };
}
