import { attributionText } from "../core/attribution.js";
import type { IncidentView } from "./notifier.js";
import { cut, nameOf, SHOWN, VALUE, valueText } from "./text.js";
import { oneLine } from "../lib/one-line.js";

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}

/**
 * The incidents as a table without a blank line in it: so Markdown, too, takes it as HTML from end to end. Everything from
 * outside stands in `<code>`, where GitHub neither calls people nor makes links.
 */
export function incidentTable(incidents: readonly IncidentView[], shown = SHOWN): string {
  const rows = incidents.slice(0, shown).map((incident) => {
    const { desired, live, severity, rule, since, note, kind, changedBy } = incident;
    const who = changedBy === undefined ? "" : attributionText(changedBy);
    const cells = [nameOf(incident), kind, valueText(desired), valueText(live), severity, rule, since, who, note ?? ""];
    return `<tr>${cells.map((cell) => `<td>${codeCell(cell)}</td>`).join("")}</tr>`;
  });
  return `<table>\n<tr>${COLUMNS.map((name) => `<th align="left">${name}</th>`).join("")}</tr>\n${rows.join("\n")}\n</table>`;
}

const COLUMNS = ["setting", "what", "git", "live", "severity", "rule", "since", "changed by", "note"];

function codeCell(text: string): string {
  const line = cut(oneLine(text), VALUE);
  return line === "" ? "" : `<code>${escapeHtml(line)}</code>`;
}

/** The address of a link, where a person can follow it. */
export function followable(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { href, protocol } = new URL(url);
  return protocol === "http:" || protocol === "https:" ? href : undefined;
}
