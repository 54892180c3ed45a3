import { createHash } from "node:crypto";
import { escapeHtml, followable, incidentTable } from "../html.js";
import type { Message } from "../notifier.js";
import { cut, moreOf, plainText, SHOWN } from "../text.js";
import { oneLine } from "../../lib/one-line.js";

/** A mail's parts, each safe where it goes. */
export interface Mail {
  readonly messageId: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly inReplyTo?: string;
  readonly references?: string;
}

/** The Message-ID follows from the message's id: a mail that is sent twice is shown once by most readers. */
export function mailOf(message: Message, domain: string): Mail {
  const { id, title, thread } = message;
  return {
    messageId: `<${createHash("sha256").update(id).digest("hex").slice(0, 32)}@${domain}>`,
    subject: cut(oneLine(title) || "Trueup", 200),
    text: plainText(message),
    html: message.page ?? htmlOf(message),
    ...(thread === undefined ? {} : { inReplyTo: thread, references: thread }),
  };
}

function htmlOf({ title, text, incidents, url }: Message): string {
  const address = url === undefined ? undefined : followable(url);
  const more = moreOf(incidents.length, SHOWN);
  return [
    `<p><b>${escapeHtml(oneLine(title))}</b></p>`,
    ...(text === "" ? [] : [`<p style="white-space: pre-wrap">${escapeHtml(text)}</p>`]),
    ...(incidents.length === 0 ? [] : [incidentTable(incidents)]),
    ...(more === undefined ? [] : [`<p>${more}</p>`]),
    ...(address === undefined ? [] : [`<p><a href="${escapeHtml(address)}">Read more</a></p>`]),
  ].join("\n");
}
