import { escapeHtml, followable, incidentTable } from "../html.js";
import type { IncidentView, Message } from "../notifier.js";
import { cut, moreOf, SHOWN } from "../text.js";
import { oneLine } from "../../lib/one-line.js";

/** GitHub takes 65,536 characters. */
const TABLE = 45_000;
const TEXT = 2_000;
const PAGE = 60_000;

/** Hidden in what we write, and looked for before writing: a message that comes again is written once. */
export function markerOf({ id }: Message): string {
  return `<!-- trueup:${cut(id.replace(/[^\w-]/g, "_"), 200)} -->`;
}

/** Blocks of HTML, in which Markdown means nothing, of `<pre>` and `<code>`, in which GitHub neither calls people nor links. */
export function bodyOf(message: Message): string {
  const { title, text, incidents, url, page } = message;
  if (page !== undefined) return `${whole(page)}\n\n${markerOf(message)}`;
  const address = url === undefined ? undefined : followable(url);
  const words = text.trim() === "" ? oneLine(title) : text;
  return [
    `<pre>${escapeHtml(cut(words, TEXT))}</pre>`,
    ...(incidents.length === 0 ? [] : tableOf(incidents)),
    ...(address === undefined ? [] : [`<p><a href="${escapeHtml(address)}">Read more</a></p>`]),
    markerOf(message),
  ].join("\n\n");
}

/** Markdown, up to the last line that fits. */
function whole(page: string): string {
  if (page.length <= PAGE) return page;
  return `${page.slice(0, page.lastIndexOf("\n", PAGE))}\n\nThe rest does not fit into an issue: \`trueup report\` has it.`;
}

function tableOf(incidents: readonly IncidentView[]): readonly string[] {
  let shown = Math.min(SHOWN, incidents.length);
  let table = incidentTable(incidents, shown);
  while (table.length > TABLE && shown > 1) {
    shown = Math.ceil(shown / 2);
    table = incidentTable(incidents, shown);
  }
  const more = moreOf(incidents.length, shown);
  return more === undefined ? [table] : [table, more];
}
