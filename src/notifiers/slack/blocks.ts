import { attributionText } from "../../core/attribution.js";
import type { IncidentView, Message, Section } from "../notifier.js";
import { cut, moreOf, nameOf, SEVERITY_MARK, valueText } from "../text.js";
import { oneLine } from "../../lib/one-line.js";
import { code, escaped, link } from "./mrkdwn.js";

type Text =
  | { readonly type: "plain_text"; readonly text: string; readonly emoji: false }
  | { readonly type: "mrkdwn"; readonly text: string; readonly verbatim: true };
type Block =
  | { readonly type: "header"; readonly block_id: string; readonly text: Text }
  | { readonly type: "section"; readonly text: Text }
  | { readonly type: "context"; readonly elements: readonly Text[] };

/** https://docs.slack.dev/reference/block-kit/blocks */
const LIMITS = {
  header: 150,
  section: 3_000,
  blocks: 50,
  /** Slack refuses more than about 13,200 in all (`msg_blocks_too_long`), and documents no figure. */
  characters: 12_000,
} as const;
const FIELD = 500;
/** Of a report: with the text before them, they are within what one message may hold. */
const PARTS = 3;

/**
 * The message as Block Kit. What comes from outside is plain text or an escaped code span, `verbatim`: it names nobody,
 * links nowhere and formats nothing.
 */
export function blocksOf(message: Message): Block[] {
  const { id, title, text, kind, severity, incidents, url, sections: parts = [] } = message;
  const heading = cut(oneLine(title) || "Trueup", LIMITS.header);
  const report = parts.slice(0, PARTS).map(partOf);
  const head: Block[] = [
    // Slack has no key against doubles: whoever reads the channel by program knows one by this.
    { type: "header", block_id: cut(`trueup:${id}`, 255), text: { type: "plain_text", text: heading, emoji: false } },
    ...(text.trim() === "" ? [] : [plain(text)]),
    ...report.map(mrkdwn),
  ];
  const sections = fitting(incidents.map(sectionOf), { blocks: head.length + 1, characters: report.join("").length });
  const more = moreOf(incidents.length, sections.length);
  const where = url === undefined ? undefined : link(url, more ?? "Read more");
  const last = [`${SEVERITY_MARK[severity]} ${severity} · ${kind}`, where ?? more].filter((part) => part !== undefined);
  return [...head, ...sections.map(mrkdwn), { type: "context", elements: [mrkdwnText(last.join(" · "))] }];
}

/** As many as the limits of one message leave room for. */
function fitting(
  sections: readonly string[],
  taken: { readonly blocks: number; readonly characters: number },
): readonly string[] {
  let room = LIMITS.characters - LIMITS.header - LIMITS.section - taken.characters;
  const end = sections.findIndex((section) => (room -= section.length) < 0);
  return sections.slice(0, Math.min(LIMITS.blocks - taken.blocks, end === -1 ? sections.length : end));
}

function sectionOf(incident: IncidentView): string {
  const { desired, live, severity, rule, since, kind, note, changedBy } = incident;
  return [
    `${SEVERITY_MARK[severity]} ${code(nameOf(incident), FIELD)} ${kind}`,
    `git ${code(valueText(desired), FIELD)} live ${code(valueText(live), FIELD)}`,
    `rule ${code(rule, FIELD)} since ${code(since, 60)}`,
    ...(changedBy === undefined ? [] : [`by ${code(attributionText(changedBy), FIELD)}`]),
    ...(note === undefined ? [] : [code(note, FIELD)]),
  ].join("\n");
}

/** A part of a report; what does not fit into its section is counted. */
function partOf({ title, lines }: Section): string {
  const shown: string[] = [];
  let room = LIMITS.section - 200;
  for (const line of lines) {
    const text = `• ${code(line, FIELD)}`;
    room -= text.length + 1;
    if (room < 0) break;
    shown.push(text);
  }
  const more = moreOf(lines.length, shown.length);
  return [`*${escaped(oneLine(title), 100)}*`, ...shown, ...(more === undefined ? [] : [more])].join("\n");
}

function plain(text: string): Block {
  return { type: "section", text: { type: "plain_text", text: cut(text, LIMITS.section), emoji: false } };
}

function mrkdwn(text: string): Block {
  return { type: "section", text: mrkdwnText(text) };
}

function mrkdwnText(text: string): Text {
  return { type: "mrkdwn", text, verbatim: true };
}

/** What notifications and old clients show instead of the blocks. */
export function fallbackOf({ title, text }: Message): string {
  return escaped([oneLine(title), oneLine(text)].filter((part) => part !== "").join(": ") || "Trueup", 3_000);
}
