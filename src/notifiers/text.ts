import { attributionText } from "../core/attribution.js";
import type { Severity } from "../core/policy.js";
import type { Value } from "../core/value.js";
import { stringifyJson } from "../lib/json.js";
import { oneLine } from "../lib/one-line.js";
import type { IncidentView, Message } from "./notifier.js";

/** What it is called in the message: `prod/settings /max_connections`. */
export function nameOf({ environment, target, path }: IncidentView): string {
  return path === undefined || path === "" ? `${environment}/${target}` : `${environment}/${target} ${path}`;
}

/** A value in one line: text in quotes, so that `"5"` is not taken for 5; null where there is none. */
export function valueText(value: Value): string {
  return value === null ? "absent" : typeof value === "string" ? JSON.stringify(value) : stringifyJson(value);
}

/** At most `limit` UTF-16 code units, an ellipsis included; no character is cut in two. */
export function cut(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const head = text.slice(0, limit - 1);
  return `${/[\ud800-\udbff]$/.test(head) ? head.slice(0, -1) : head}…`;
}

/** One drift in a few plain lines. */
function paragraphOf(incident: IncidentView): string {
  const { desired, live, severity, rule, since, note, changedBy } = incident;
  return [
    `${oneLine(nameOf(incident))} (${incident.kind}, ${severity})`,
    `  git:   ${cut(oneLine(valueText(desired)), VALUE)}`,
    `  live:  ${cut(oneLine(valueText(live)), VALUE)}`,
    `  rule:  ${oneLine(rule)}`,
    `  since: ${since}`,
    ...(changedBy === undefined ? [] : [`  by:    ${oneLine(attributionText(changedBy))}`]),
    ...(note === undefined ? [] : [`  note:  ${oneLine(note)}`]),
  ].join("\n");
}

/** The message as plain text; `shown` incidents of it. */
export function plainText({ title, text, incidents, url, sections = [] }: Message, shown = SHOWN): string {
  const more = moreOf(incidents.length, shown);
  return [
    oneLine(title),
    ...(text === "" ? [] : [text]),
    ...sections.map(({ title: head, lines }) => [head, ...lines.map((line) => `  ${oneLine(line)}`)].join("\n")),
    ...incidents.slice(0, shown).map(paragraphOf),
    ...(more === undefined ? [] : [more]),
    ...(url === undefined ? [] : [url]),
  ].join("\n\n");
}

/** `12 more`; undefined where all are shown. */
export function moreOf(all: number, shown: number): string | undefined {
  return all > shown ? `${all - shown} more` : undefined;
}

/** The longest value that is told, in characters: whoever needs more follows the link. */
export const VALUE = 300;
/** The most incidents that one message lists. */
export const SHOWN = 50;

export const SEVERITY_MARK: Readonly<Record<Severity, string>> = {
  critical: "🔴",
  high: "🟠",
  medium: "🟡",
  low: "🔵",
};
