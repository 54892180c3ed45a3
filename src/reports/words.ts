import { SEVERITIES } from "../core/policy.js";
import { formatDuration } from "../lib/duration.js";
import type { BySeverity, DriftReport, Figures } from "./drift-report.js";
import type { Spread } from "./spread.js";

/** What every form of the report says in the same words. */
export function summaryOf({ total, environments }: DriftReport): string {
  const { found, open, ended } = total;
  const count = sum(found);
  const where = plural(environments.length, "environment");
  const ends = [
    ended.healed > 0 ? `${ended.healed} healed` : "",
    ended.adopted > 0 ? `${ended.adopted} adopted` : "",
    ended.resolved > 0 ? `${ended.resolved} in sync again without Trueup` : "",
  ].filter((part) => part !== "");
  const still = sum(open);
  return [
    count === 0 ? `No drift was found in ${where}` : `${plural(count, "drift")} found in ${where}`,
    ends.length === 0 ? "" : `; ${ends.join(", ")}`,
    `. ${still === 0 ? "None is open" : `${still} ${still === 1 ? "is" : "are"} open: ${severities(open)}`}.`,
  ].join("");
}

/** `1 critical, 2 low`: worst first, without those that are none. */
export function severities(counts: BySeverity): string {
  return SEVERITIES.toReversed()
    .filter((severity) => counts[severity] > 0)
    .map((severity) => `${counts[severity]} ${severity}`)
    .join(", ");
}

export function sum(counts: BySeverity): number {
  return SEVERITIES.reduce((total, severity) => total + counts[severity], 0);
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

/** The rows of the tables by environment: the whole first where there are several. */
export function byEnvironment(report: DriftReport): readonly (Figures & { readonly name: string })[] {
  const { environments, total } = report;
  return environments.length === 1 ? environments : [...environments, { name: "all", ...total }];
}

export function spans(spread: Spread | null): readonly [median: string, p90: string, max: string] {
  if (spread === null) return ["–", "–", "–"];
  return [span(spread.median), span(spread.p90), span(spread.max)];
}

export function span(milliseconds: number): string {
  return milliseconds === 0 ? "at once" : formatDuration(milliseconds);
}

/** The bar of a histogram that ends there; null is the last one. */
export function upTo(milliseconds: number | null): string {
  return milliseconds === null ? "longer" : `≤ ${round(milliseconds)}`;
}

/** A span that a person chose, in the largest unit that it is whole in. */
function round(milliseconds: number): string {
  const unit = UNITS.find(([, length]) => milliseconds % length === 0);
  return unit === undefined ? formatDuration(milliseconds) : `${milliseconds / unit[1]} ${unit[0]}`;
}

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
] as const;

/** An instant as people read it, in UTC. */
export function moment(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)}`;
}

/** What a reader must know of the figures. */
export function notesOf({ complete, interval, from }: DriftReport): readonly string[] {
  return [
    ...(complete ? [] : [`The history holds more events than one report reads: it begins at ${moment(from)} UTC.`]),
    `When a system moved is rarely known. “Detected within” is an upper bound: the time since a look that left a trace in the history and saw the setting in sync. Looks that find nothing leave none; a controller that runs looks every ${round(interval)}.`,
    "Time to resolve is from the finding to the end. What was healed by the pass that found it counts as “at once”.",
    "“Gone” is in sync again without Trueup; “again” counts settings that drifted more than once. What git says to ignore is not compared, so it is not counted. All times are UTC.",
  ];
}
