import { attributionText } from "../../core/attribution.js";
import type { Value } from "../../core/value.js";
import type { EnvironmentReports } from "../../operations/diff.js";
import { show } from "../../reconcile/events.js";
import {
  type EnvironmentReport,
  type ReportedError,
  type ReportedPlan,
  type TargetReport,
  shortPlan,
} from "../../reconcile/report.js";
import type { ExitCode } from "../exit.js";
import { paint, paintWord } from "./paint.js";
import { markdownTable, type Printable } from "./print.js";
import { table } from "./table.js";

const HEAD = ["TARGET", "SETTING", "FINDING", "DESIRED", "LIVE", "SEVERITY", "ACTIONS"] as const;
const OUTCOME_HEAD = ["TARGET", "SETTING", "RESULT", ""] as const;

/** The answer of `diff` and `sync`, for every form of output. */
export function printable(reports: EnvironmentReports): Printable {
  return {
    data: reports,
    table: () => reports.environments.map(environmentText).join("\n"),
    markdown: () => reports.environments.map(environmentMarkdown).join("\n"),
  };
}

/** 1 where something could not be looked at or was refused, 2 where something differs, 0 in sync. */
export function exitCode({ environments }: EnvironmentReports): ExitCode {
  const targets = environments.flatMap((environment) => environment.targets);
  const failed =
    environments.some(({ error, failedRevision }) => error !== undefined || failedRevision !== undefined) ||
    targets.some(
      ({ state, error, refused }) =>
        state === "Failed" || state === "Unknown" || error !== undefined || refused !== undefined,
    );
  if (failed) return 1;
  return targets.some(({ findings }) => findings.length > 0) ? 2 : 0;
}

function environmentText(environment: EnvironmentReport): string {
  const { name, revision, state, targets, warnings = [] } = environment;
  const at = revision === null ? "" : ` at ${revision.slice(0, 10)}`;
  const parts = [
    `${paint("bold", name)}${at}: ${paintWord(state)}${heldCount(environment)}\n`,
    ...failedLine(environment).map((line) => `  ${paint("red", "failed:")} ${line}\n`),
    ...warnings.map((warning) => `  ${paint("yellow", "warning:")} ${warning}\n`),
  ];
  if (environment.error !== undefined) parts.push(indent(errorLines(environment.error)));
  const rows = targets.flatMap(findingRows);
  const outcomes = targets.flatMap(outcomeRows);
  if (outcomes.length > 0) parts.push(indent(table({ head: OUTCOME_HEAD, rows: outcomes, shrink: [3, 1] })));
  if (rows.length > 0) {
    const head = headOf(targets);
    parts.push(
      indent(
        table({
          head,
          rows: rows.map((row) => row.slice(0, head.length)),
          shrink: head.length > HEAD.length ? [7, 4, 3, 1] : [4, 3, 1],
        }),
      ),
    );
  }
  parts.push(...targets.map((target) => indent(remarks(target))));
  const quiet = targets.filter(({ state: one, findings }) => one === "Synced" && findings.length === 0);
  if (quiet.length > 0) parts.push(`  ${paintWord("Synced")}: ${quiet.map((target) => target.name).join(", ")}\n`);
  return parts.join("");
}

function failedLine({ failedRevision }: EnvironmentReport): readonly string[] {
  if (failedRevision === undefined) return [];
  const { revision, reason, at } = failedRevision;
  return [`${revision.slice(0, 10)} is not tried again since ${at.slice(0, 19)}Z: ${reason}`];
}

/** What is held is no less drift: it is counted beside the state. */
function heldCount({ targets }: EnvironmentReport): string {
  const findings = targets.flatMap((target) => target.findings);
  const held = findings.filter(({ restrained }) => restrained === "held").length;
  return held === 0 ? "" : ` (${held} held)`;
}

/** Who changed it has a column only where that is known of something. */
function headOf(targets: readonly TargetReport[]): readonly string[] {
  const known = targets.some(({ findings }) => findings.some(({ changedBy }) => changedBy !== undefined));
  return known ? [...HEAD, "CHANGED BY"] : HEAD;
}

function findingRows({ name, findings }: TargetReport): string[][] {
  return findings.map(({ path, kind, desired, live, severity, actions, restrained, changedBy }) => [
    name,
    path,
    kind,
    shown(desired),
    shown(live),
    paintWord(severity),
    actions.join(", ") || (restrained ?? "–"),
    changedBy === undefined ? "" : attributionText(changedBy),
  ]);
}

function outcomeRows({ name, outcomes = [] }: TargetReport): string[][] {
  return outcomes.map(({ path, result, error }) => [name, path, paintWord(result), error?.message ?? ""]);
}

function shown(value: Value): string {
  return show(value);
}

function remarks({ name, state, error, refused, plans = [], pendingRestart = [], findings }: TargetReport): string {
  const lines: string[] = [];
  if (error !== undefined) lines.push(`${name}: ${paintWord(state)}\n${indent(errorLines(error))}`);
  if (refused !== undefined) lines.push(`${name}: ${paint("yellow", "not written")}\n${indent(errorLines(refused))}`);
  if (refused?.code !== "APPROVAL_REQUIRED") lines.push(...plans.map((plan) => `${name}: ${planSentence(plan)}\n`));
  if (pendingRestart.length > 0) lines.push(`${name}: in effect only after a restart: ${pendingRestart.join(", ")}\n`);
  for (const { path, note } of findings) if (note !== undefined) lines.push(`${name}: ${path}: ${note}\n`);
  return lines.join("");
}

/** `the plan 1a2b3c4d5e6f (3 changes) waits for an approval`. */
export function planSentence({ plan, changes, approved }: ReportedPlan): string {
  const size = changes === 1 ? "1 change" : `${changes} changes`;
  const state = approved === undefined ? "waits for an approval" : `is approved by ${approved.by}`;
  return `the plan ${shortPlan(plan)} (${size}) ${state}`;
}

function errorLines({ code, message, where, hint }: ReportedError): string {
  const lines = [`${message} ${paint("dim", `(${code})`)}`];
  if (where !== undefined) lines.push(`at ${where}`);
  if (hint !== undefined) lines.push(`hint: ${hint}`);
  return `${lines.join("\n")}\n`;
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, "  ");
}

function environmentMarkdown(environment: EnvironmentReport): string {
  const { name, revision, state, targets, error } = environment;
  const title = `## ${name}: ${state}${heldCount(environment)}${revision === null ? "" : ` at \`${revision.slice(0, 10)}\``}\n`;
  const rows = targets.flatMap(({ name: target, findings }) =>
    findings.map(({ path, kind, desired, live, severity, actions, restrained, changedBy }) => [
      target,
      `\`${path}\``,
      kind,
      `\`${show(desired)}\``,
      `\`${show(live)}\``,
      severity,
      actions.join(", ") || (restrained ?? ""),
      changedBy === undefined ? "" : `\`${attributionText(changedBy)}\``,
    ]),
  );
  const head = headOf(targets);
  const notes = targets.flatMap(({ name: target, findings }) =>
    findings.flatMap(({ path, note }) => (note === undefined ? [] : [`- ${target}: \`${path}\`: ${note}`])),
  );
  const waiting = targets.flatMap(({ name: target, refused, plans = [] }) =>
    refused?.code === "APPROVAL_REQUIRED" ? [] : plans.map((plan) => `- ${target}: ${planSentence(plan)}`),
  );
  const faults = [error, ...targets.flatMap((target) => [target.error, target.refused])].flatMap((fault) =>
    fault === undefined
      ? []
      : [`- ${fault.message} (${fault.code})${fault.where === undefined ? "" : ` at \`${fault.where}\``}`],
  );
  const body = rows.length === 0 && faults.length === 0 ? "Everything is in sync.\n" : "";
  return [
    title,
    "\n",
    ...failedLine(environment).map((line) => `- ${line}\n\n`),
    body,
    rows.length === 0
      ? ""
      : markdownTable(
          head,
          rows.map((row) => row.slice(0, head.length)),
        ),
    notes.length === 0 ? "" : `\n${notes.map((note) => `${note}\n`).join("")}`,
    waiting.length === 0 ? "" : `\n${waiting.map((line) => `${line}\n`).join("")}`,
    faults.map((fault) => `${fault}\n`).join(""),
  ].join("");
}
