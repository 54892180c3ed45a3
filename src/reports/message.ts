import type { Message, ReportForm, Section } from "../notifiers/notifier.js";
import { show } from "../reconcile/events.js";
import type { DriftReport } from "./drift-report.js";
import { byEnvironment, moment, severities, spans, sum, summaryOf } from "./words.js";
import { reportText } from "./write.js";

export interface Sending {
  readonly id: string;
  /** ISO 8601. */
  readonly at: string;
  readonly form: ReportForm;
}

/** A report as a message: in few words for every medium, and whole for those that can show it. */
export function reportMessage(report: DriftReport, { id, at, form }: Sending): Message {
  const { from, to, open, environments, total } = report;
  const names = environments.length > MOST_NAMES ? [`${environments.length} environments`] : environments.map(nameOf);
  return {
    ...{ id, at, kind: "report", incidents: [] },
    title: `Drift report of ${names.join(", ")}: ${sum(total.found)} found, ${sum(total.open)} open`,
    text: `${moment(from)} – ${moment(to)} UTC. ${summaryOf(report)}`,
    // The worst comes first.
    severity: open[0]?.severity ?? "low",
    sections: sectionsOf(report).filter(({ lines }) => lines.length > 0),
    ...(form === "sections" ? {} : { page: reportText(report, form) }),
  };
}

const MOST_NAMES = 3;
/** Lines of a section: whoever needs more has the page, or the command. */
const MOST_LINES = 10;

function sectionsOf(report: DriftReport): Section[] {
  const environments = byEnvironment(report).map((one) => {
    const [median] = spans(one.timeToResolve);
    const found = sum(one.found) === 0 ? "none" : severities(one.found);
    const ended = `${one.ended.healed} healed, ${one.ended.adopted} adopted, ${one.ended.resolved} gone`;
    return `${one.name}: found ${found}; ${ended}, ${sum(one.open)} open; resolved in ${median}`;
  });
  const open = report.open.map(({ severity, environment, target, path, live, desired, since }) => {
    const when = since === null ? "" : `, since ${moment(since)}`;
    return `${severity} ${environment}/${target} ${path}: live ${show(live)}, desired ${show(desired)}${when}`;
  });
  const noisiest = report.noisiest
    .filter(({ times }) => times > 1)
    .map((one) => `${one.environment}/${one.target} ${one.path}: ${one.times} times, ${one.healed} healed`);
  return [
    { title: "Environments (median time)", lines: few(environments) },
    { title: "Open now", lines: few(open) },
    { title: "Drifted more than once", lines: few(noisiest) },
  ];
}

function few(lines: readonly string[]): readonly string[] {
  const more = lines.length - MOST_LINES;
  return more > 0 ? [...lines.slice(0, MOST_LINES), `and ${more} more`] : lines;
}

function nameOf({ name }: { readonly name: string }): string {
  return name;
}
