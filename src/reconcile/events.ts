import { attributionText } from "../core/attribution.js";
import type { Pointer } from "../core/pointer.js";
import type { Value } from "../core/value.js";
import { stringifyJson } from "../lib/json.js";
import type { NewEvent } from "../store/store.js";
import type { ReportedFinding, ReportedOutcome, TargetReport } from "./report.js";
import type { Status } from "./status.js";

export interface Transition {
  readonly environment: string;
  readonly revision: string;
  readonly before: Pick<Status, "report" | "open"> | undefined;
  readonly after: TargetReport;
  /** What the writes were about, by setting. */
  readonly written: ReadonlyMap<string, ReportedFinding>;
  /** Settings that are left alone from now on, because they were healed too often. */
  readonly flapping: readonly Pointer[];
}

type TargetEvent = Omit<NewEvent, "environment">;

/** What the history says of one pass: what was written, what drift came and went, what became unknown. Nothing for an idle one. */
export function eventsOf({ environment, revision, before, after, written, flapping }: Transition): NewEvent[] {
  const outcomes = newOutcomes(before?.report, after);
  const events = [
    ...outcomes.map((outcome) => outcomeEvent(outcome, written.get(outcome.path), after.kind)),
    ...stateEvents(before?.report, after),
    // Without a look there is no news of findings: neither drift nor "resolved".
    ...(isLost(after) ? [] : [...findingEvents(before?.open ?? [], after), ...flappingEvents(after, flapping)]),
  ];
  return events.map((event) => ({ environment, target: after.name, revision, ...event }));
}

/** A write that fails as it failed in the last pass is no news. */
function newOutcomes(before: TargetReport | undefined, { outcomes = [] }: TargetReport): readonly ReportedOutcome[] {
  const failed = new Map(before?.outcomes?.map(({ path, error }) => [path, error?.message]));
  return outcomes.filter(({ path, result, error }) => result !== "failed" || failed.get(path) !== error?.message);
}

function findingEvents(open: readonly ReportedFinding[], after: TargetReport): TargetEvent[] {
  const { findings, outcomes = [] } = after;
  const known = new Map(open.map((finding) => [finding.path, finding]));
  const told = new Map(outcomes.map(({ path, result }) => [path, result]));
  const events: TargetEvent[] = [];
  for (const finding of findings) {
    const outcome = told.get(finding.path);
    if (!isNews(finding, known.get(finding.path)) || outcome === "unreachable" || outcome === "adopted") continue;
    const { path } = finding;
    events.push({ type: typeOf(finding), path, message: describe(finding), detail: detailOf(finding, after.kind) });
  }
  const now = new Set(findings.map(({ path }) => path));
  for (const [path, { kind }] of known) {
    const outcome = told.get(path);
    if (now.has(path) || (outcome !== undefined && outcome !== "failed")) continue;
    events.push({ type: "resolved", path, message: `${path} is in sync again (was ${kind})` });
  }
  return events;
}

/** The one alert of a setting that flaps: both its values, and when it was healed. */
function flappingEvents(after: TargetReport, flapping: readonly Pointer[]): TargetEvent[] {
  return after.findings
    .filter(({ path }) => flapping.includes(path))
    .map((finding) => {
      const { path, live, desired, note = "" } = finding;
      const message = `${path} flaps between ${show(desired)} (desired) and ${show(live)} (live): ${note}`;
      return { type: "flapping", path, message, detail: detailOf(finding, after.kind) };
    });
}

function isNews(finding: ReportedFinding, known: ReportedFinding | undefined): boolean {
  return known?.kind !== finding.kind || stringifyJson(known.live) !== stringifyJson(finding.live);
}

function typeOf({ kind }: ReportedFinding): string {
  return kind === "pending" || kind === "unmanaged" ? kind : "drifted";
}

function outcomeEvent(outcome: ReportedOutcome, finding: ReportedFinding | undefined, targetKind: string): TargetEvent {
  const { path, result, error } = outcome;
  const values = finding === undefined ? "" : `: ${show(finding.live)} → ${show(finding.desired)}`;
  const detail = finding === undefined ? {} : { detail: detailOf(finding, targetKind) };
  switch (result) {
    case "adopted":
      return { type: result, path, message: `adopted the live value of ${path}${values}`, ...detail };
    case "healed":
    case "synced":
      return { type: result, path, message: `${result} ${path}${values}`, ...detail };
    case "pendingRestart":
      return { type: "pending-restart", path, message: `set ${path}${values}; in effect after a restart`, ...detail };
    case "moved":
      return { type: "moved", path, message: `${path} moved while it was being written; planned anew` };
    case "unreachable":
      return {
        type: "unreachable",
        path,
        message: `${path} cannot be reached${values}: the system makes another value of it`,
        ...detail,
      };
    case "failed":
      return { type: "failed", path, message: `${path} was not written: ${error?.message ?? "unknown"}` };
  }
}

function stateEvents(before: TargetReport | undefined, after: TargetReport): TargetEvent[] {
  const reason = after.error === undefined ? "" : `: ${after.error.message}`;
  const events: TargetEvent[] = [];
  const same = before?.state === after.state && before.error?.message === after.error?.message;
  // A system that is away says so in many words: only another kind of reason is news.
  const away = before?.state === after.state && before.error?.code === after.error?.code;
  if (!away && after.state === "Unknown")
    events.push({ type: "unknown", message: `the live side is unknown${reason}` });
  // A write that failed has its own event.
  if (!same && after.state === "Failed" && isLost(after)) events.push({ type: "failed", message: `failed${reason}` });
  if (before !== undefined && isLost(before) && !isLost(after)) {
    events.push({ type: "recovered", message: `recovered: ${before.state} → ${after.state}` });
  }
  if (after.refused !== undefined && before?.refused?.message !== after.refused.message) {
    const type = after.refused.code === "APPROVAL_REQUIRED" ? "approval-wanted" : "refused";
    events.push({ type, message: after.refused.message });
  }
  return events;
}

/** Whether the pass could not look: what it does not report is unknown, not gone. */
export function isLost({ state, outcomes }: TargetReport): boolean {
  return state === "Unknown" || (state === "Failed" && outcomes === undefined);
}

/** How loud an event is in the log. */
export function levelOf(type: string): "info" | "warn" | "error" {
  if (type === "failed" || type === "unknown") return "error";
  return ["drifted", "flapping", "refused", "approval-wanted", "approval-void", "unreachable", "moved"].includes(type)
    ? "warn"
    : "info";
}

/** One finding as a sentence. */
function describe({ path, kind, severity, live, desired, changedBy }: ReportedFinding): string {
  const who = changedBy === undefined ? "" : `; changed by ${attributionText(changedBy)}`;
  return `${path} is ${kind} (${severity}): live ${show(live)}, desired ${show(desired)}${who}`;
}

/** All that a policy would need to decide on it once more: see policies/backtest.ts. */
function detailOf(finding: ReportedFinding, targetKind: string): Record<string, Value> {
  const { kind, desired, live, severity, rule, actions, note, changedBy } = finding;
  return {
    ...{ kind, desired, live, severity, rule, actions, targetKind },
    ...(note === undefined ? {} : { note }),
    ...(changedBy === undefined ? {} : { changedBy: { ...changedBy } }),
  };
}

/** A value on one line, cut where it is long. */
export function show(value: Value): string {
  if (value === null) return "absent";
  const text = typeof value === "string" && value.startsWith("(sensitive") ? value : stringifyJson(value);
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}
