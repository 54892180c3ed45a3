import type { GateState } from "../../core/gate.js";
import { line } from "../../promotion/by-setting.js";
import type { HopReport, PromotionState } from "../../promotion/report.js";
import { show } from "../../reconcile/events.js";
import { paint } from "./paint.js";
import { markdownTable } from "./print.js";
import { table } from "./table.js";

const GATES = ["GATE", "STATE", "WHY"] as const;
const CHANGES = ["TARGET", "SETTING", "NOW", "THEN"] as const;

const STATES: Readonly<Record<PromotionState, Parameters<typeof paint>[0]>> = {
  ...{ idle: "dim", waiting: "yellow", blocked: "red", declined: "red", promoted: "green" },
};
const GATE_STATES: Readonly<Record<GateState, Parameters<typeof paint>[0]>> = {
  ...{ passed: "green", waived: "cyan", pending: "yellow", failed: "red" },
};

/** How many commits are named. */
const COMMITS = 10;

export function paintState(state: PromotionState): string {
  return paint(STATES[state], state);
}

/** One hop with its gates, what changes and what travels, for a terminal. */
export function hopText(hop: HopReport): string {
  const { from, to, state, revision, reason, gates, changes, commits, pullRequest, mergedBySetting = [] } = hop;
  const short = revision === null ? "" : ` ${revision.slice(0, 10)}`;
  const parts = [`${paint("bold", `${from} → ${to}`)}${short}: ${paintState(state)}\n`, `  ${reason}\n`];
  if (pullRequest !== undefined) parts.push(`  pull request: ${pullRequest.url}\n`);
  const gateRows = gates.map(({ name, state: gate, reason: why }) => [name, paint(GATE_STATES[gate], gate), why]);
  if (gateRows.length > 0) parts.push(indent(table({ head: GATES, rows: gateRows, shrink: [2] })));
  const rows = changes.map(({ target, path, before, after }) => [target, path, show(before), show(after)]);
  if (rows.length > 0) parts.push(indent(table({ head: CHANGES, rows, shrink: [3, 2, 1] })));
  if (mergedBySetting.length > 0) parts.push(`  merged setting by setting: ${mergedBySetting.map(line).join(", ")}\n`);
  for (const { id, subject, author } of commits.slice(0, COMMITS)) {
    parts.push(`  ${paint("dim", id.slice(0, 10))} ${subject} (${author})\n`);
  }
  if (commits.length > COMMITS) parts.push(`  … and ${commits.length - COMMITS} more\n`);
  return parts.join("");
}

export function hopMarkdown({ from, to, state, reason, gates, changes }: HopReport): string {
  const parts = [`**${from} → ${to}**: ${state}. ${reason}\n`];
  if (gates.length > 0) {
    parts.push(
      markdownTable(
        GATES,
        gates.map(({ name, state: gate, reason: why }) => [name, gate, why]),
      ),
    );
  }
  if (changes.length > 0) {
    parts.push(
      markdownTable(
        CHANGES,
        changes.map(({ target, path, before, after }) => [target, path, show(before), show(after)]),
      ),
    );
  }
  return parts.join("\n");
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, "  ");
}
