import type { GateState } from "../../core/gate.js";
import { line } from "../../promotion/by-setting.js";
import type { HopReport, PromotionState } from "../../promotion/report.js";
import { code } from "../../proposals/text.js";
import { formatDuration } from "../../lib/duration.js";
import { show } from "../../reconcile/events.js";
import { paint } from "./paint.js";
import { markdownTable, markdownText } from "./print.js";
import { table } from "./table.js";

const CHANGES = ["TARGET", "SETTING", "NOW", "THEN"] as const;

const STATES: Readonly<Record<PromotionState, Parameters<typeof paint>[0]>> = {
  ...{ idle: "dim", waiting: "yellow", blocked: "red", declined: "red", promoted: "green" },
};
const GATE_STATES: Readonly<Record<GateState, Parameters<typeof paint>[0]>> = {
  ...{ passed: "green", waived: "cyan", pending: "yellow", failed: "red" },
};

/** How many commits are named. */
const COMMITS = 10;

export function paintGate(state: GateState): string {
  return paint(GATE_STATES[state], state);
}

export function paintState(state: PromotionState): string {
  return paint(STATES[state], state);
}

/** One hop with its gates, what changes and what travels, for a terminal. */
export function hopText(hop: HopReport): string {
  const { from, to, state, revision, gates, changes, commits, pullRequest, next, since, mergedBySetting = [] } = hop;
  const short = revision === null ? "" : ` ${revision.slice(0, 10)}`;
  const parts = [`${paint("bold", `${from} → ${to}`)}${short}: ${paintState(state)}\n`, `  ${summaryOf(hop)}\n`];
  if (since !== undefined && state !== "promoted") parts.push(`  under way since ${sinceOf(since)}\n`);
  if (pullRequest !== undefined) parts.push(`  pull request: ${pullRequest.url}\n`);
  const judged = gateTable(gates, paintGate);
  if (gates.length > 0) parts.push(indent(table({ ...judged, shrink: [judged.head.length - 1] })));
  const rows = changes.map(({ target, path, before, after }) => [target, path, show(before), show(after)]);
  if (rows.length > 0) parts.push(indent(table({ head: CHANGES, rows, shrink: [3, 2, 1] })));
  else if (isRendered(hop)) parts.push(`  nothing changes for ${to}: its rendered documents stay as they are\n`);
  if (mergedBySetting.length > 0) parts.push(`  merged setting by setting: ${mergedBySetting.map(line).join(", ")}\n`);
  for (const { id, subject, author } of commits.slice(0, COMMITS)) {
    parts.push(`  ${paint("dim", id.slice(0, 10))} ${subject} (${author})\n`);
  }
  if (commits.length > COMMITS) parts.push(`  … and ${commits.length - COMMITS} more\n`);
  return [...parts, ...next.map((line) => `  next: ${line}\n`)].join("");
}

/** Since when they are so is known of what is under way. */
function gateTable(gates: HopReport["gates"], show: (state: GateState) => string) {
  const isKnown = gates.some(({ since }) => since !== undefined);
  return {
    head: ["GATE", "STATE", ...(isKnown ? ["SINCE"] : []), "WHY"],
    rows: gates.map(({ name, state, since, reason }) => [
      ...[name, show(state), ...(isKnown ? [sinceOf(since)] : [])],
      reason,
    ]),
  };
}

/** What does not render has no changes to show, which is not to say that it has none. */
function isRendered({ commits, gates }: HopReport): boolean {
  return commits.length > 0 && gates.some(({ name, state }) => name === "validation" && state === "passed");
}

/** What the table of gates does not say. */
export function summaryOf({ state, gates, reason, wantedBy }: HopReport): string {
  const open = gates.filter((gate) => gate.state === "pending" || gate.state === "failed");
  const isOpen = state === "waiting" && open.length > 0;
  const what = isOpen ? `${open.length} of ${gates.length} gates have not passed` : reason;
  return wantedBy === undefined || state === "promoted" ? what : `${what}; asked for by ${wantedBy}`;
}

/** `2026-11-21 19:37Z (3 min)`. @param since ISO 8601 */
export function sinceOf(since: string | undefined): string {
  if (since === undefined) return "";
  return `${since.slice(0, 16).replace("T", " ")}Z (${formatDuration(Math.max(0, Date.now() - Date.parse(since)))})`;
}

export function hopMarkdown(hop: HopReport): string {
  const { from, to, state, gates, changes, commits, next } = hop;
  const parts = [`**${from} → ${to}**: ${state}. ${markdownText(summaryOf(hop))}\n`];
  if (gates.length > 0) {
    const { head, rows } = gateTable(gates, (one) => one);
    parts.push(markdownTable(head, rows));
  }
  if (changes.length > 0) {
    parts.push(
      markdownTable(
        CHANGES,
        changes.map(({ target, path, before, after }) => [target, path, show(before), show(after)]),
      ),
    );
  }
  const travelling = commits
    .slice(0, COMMITS)
    .map(({ id, subject, author }) => `- \`${id.slice(0, 10)}\` ${code(subject)} (${code(author)})`);
  const more = commits.length > COMMITS ? [`- … and ${commits.length - COMMITS} more`] : [];
  for (const lines of [[...travelling, ...more], next.map((line) => `- ${markdownText(line)}`)]) {
    if (lines.length > 0) parts.push(`${lines.join("\n")}\n`);
  }
  return parts.join("\n");
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, "  ");
}
