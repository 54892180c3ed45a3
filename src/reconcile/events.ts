import type { Value } from "../core/value.js";
import { stringifyJson } from "../lib/json.js";
import type { NewEvent } from "../store/store.js";
import type { ReportedFinding, ReportedOutcome, TargetReport } from "./report.js";

export interface Transition {
  readonly environment: string;
  readonly revision: string;
  readonly before: TargetReport | undefined;
  readonly after: TargetReport;
  /** What the writes were about, by setting. */
  readonly written: ReadonlyMap<string, ReportedFinding>;
}

/** What the history says of one pass: what was written, what drift came and went, what became unknown. Nothing for an idle one. */
export function eventsOf({ environment, revision, before, after, written }: Transition): NewEvent[] {
  const base = { environment, target: after.name, revision };
  const events: NewEvent[] = [];
  const outcomes = after.outcomes ?? [];
  for (const outcome of outcomes) events.push({ ...base, ...outcomeEvent(outcome, written.get(outcome.path)) });
  events.push(...stateEvents(before, after).map((event) => ({ ...base, ...event })));
  if (
    after.state === "Unknown" ||
    after.state === "Failed" ||
    before?.state === "Unknown" ||
    before?.state === "Failed"
  ) {
    // No finding is no news while the target is unknown: neither drift nor "resolved".
    if (after.findings.length === 0) return events;
  }
  const known = new Map((before?.findings ?? []).map((finding) => [finding.path, finding]));
  const handled = new Set(outcomes.filter(({ result }) => result !== "failed").map(({ path }) => path));
  for (const finding of after.findings) {
    if (!isNews(finding, known.get(finding.path))) continue;
    events.push({
      ...base,
      type: typeOf(finding),
      path: finding.path,
      message: describe(finding),
      detail: detailOf(finding),
    });
  }
  const open = new Set(after.findings.map(({ path }) => path));
  for (const [path, finding] of known) {
    if (open.has(path) || handled.has(path)) continue;
    events.push({ ...base, type: "resolved", path, message: `${path} is in sync again (was ${finding.kind})` });
  }
  return events;
}

function isNews(finding: ReportedFinding, known: ReportedFinding | undefined): boolean {
  return known?.kind !== finding.kind || stringifyJson(known.live) !== stringifyJson(finding.live);
}

function typeOf({ kind }: ReportedFinding): string {
  return kind === "pending" || kind === "unmanaged" ? kind : "drifted";
}

function outcomeEvent(outcome: ReportedOutcome, finding: ReportedFinding | undefined): Omit<NewEvent, "environment"> {
  const { path, result, error } = outcome;
  const values = finding === undefined ? "" : `: ${show(finding.live)} → ${show(finding.desired)}`;
  const detail = finding === undefined ? {} : { detail: detailOf(finding) };
  switch (result) {
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

function stateEvents(before: TargetReport | undefined, after: TargetReport): Omit<NewEvent, "environment">[] {
  const reason = after.error === undefined ? "" : `: ${after.error.message}`;
  const events: Omit<NewEvent, "environment">[] = [];
  const same = before?.state === after.state && before.error?.message === after.error?.message;
  if (!same && after.state === "Unknown")
    events.push({ type: "unknown", message: `the live side is unknown${reason}` });
  if (!same && after.state === "Failed") events.push({ type: "failed", message: `failed${reason}` });
  if (before !== undefined && isLost(before) && !isLost(after)) {
    events.push({ type: "recovered", message: `recovered: ${before.state} → ${after.state}` });
  }
  if (after.refused !== undefined && before?.refused?.message !== after.refused.message) {
    events.push({ type: "refused", message: after.refused.message });
  }
  return events;
}

function isLost({ state }: TargetReport): boolean {
  return state === "Unknown" || state === "Failed";
}

/** One finding as a sentence. */
function describe({ path, kind, severity, live, desired }: ReportedFinding): string {
  return `${path} is ${kind} (${severity}): live ${show(live)}, desired ${show(desired)}`;
}

function detailOf({ kind, desired, live, severity, rule, actions }: ReportedFinding): Record<string, Value> {
  return { kind, desired, live, severity, rule, actions };
}

/** A value on one line, cut where it is long. */
export function show(value: Value): string {
  if (value === null) return "absent";
  const text = typeof value === "string" && value.startsWith("(sensitive") ? value : stringifyJson(value);
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}
