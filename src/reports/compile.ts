import { SEVERITIES, type Severity } from "../core/policy.js";
import type { Event } from "../store/store.js";
import type { BySeverity, DriftReport, Figures, NoisySetting, OpenDrift, Timeline } from "./drift-report.js";
import { type Account, type Episode, episodesOf, worse } from "./episodes.js";
import { spreadOf } from "./spread.js";

export interface ReportInput {
  readonly from: Date;
  readonly to: Date;
  readonly complete: boolean;
  readonly interval: number;
  readonly environments: readonly string[];
  /** Of the span, and of what was open when it began; in any order. */
  readonly events: readonly Event[];
  /** What is open now, as the last passes left it. */
  readonly open: readonly Omit<OpenDrift, "since">[];
}

const DAY = 86_400_000;

/** More days than these are shown by the week. */
const MOST_BARS = 62;

const NOISIEST = 10;

/** Upper ends of the bars of times to resolve. */
const RESOLVE_TIMES = [60_000, 10 * 60_000, 3_600_000, 8 * 3_600_000, DAY, 7 * DAY, Number.POSITIVE_INFINITY] as const;

interface Span {
  readonly from: number;
  readonly to: number;
}

/** The history and what is open now, as one report. */
export function compileReport(input: ReportInput): DriftReport {
  const span: Span = { from: input.from.getTime(), to: input.to.getTime() };
  const account = episodesOf(input.events);
  const events = input.events.filter(({ at }) => Date.parse(at) >= span.from);
  const open = openNow(input.open, account.episodes);
  const figures = (name?: string): Figures => {
    const here = <T extends { readonly environment: string }>(all: readonly T[]) =>
      name === undefined ? all : all.filter(({ environment }) => environment === name);
    const { episodes, blackouts } = account;
    return figuresOf({ episodes: here(episodes), blackouts: here(blackouts) }, here(events), here(open), span);
  };
  const found = account.episodes.filter((episode) => episode.found >= span.from);
  return {
    schemaVersion: 1,
    from: input.from.toISOString(),
    to: input.to.toISOString(),
    complete: input.complete,
    interval: input.interval,
    total: figures(),
    environments: input.environments.map((name) => ({ name, ...figures(name) })),
    open,
    noisiest: noisiest(found).slice(0, NOISIEST),
    timeline: timeline(found, span),
    resolveTimes: histogram(timesToResolve(account.episodes, span)),
  };
}

function figuresOf(
  { episodes, blackouts }: Account,
  events: readonly Event[],
  open: readonly OpenDrift[],
  span: Span,
): Figures {
  const found = episodes.filter((episode) => episode.found >= span.from);
  const ended = endedIn(episodes, span).map(({ as }) => as);
  const told = (type: string) => events.filter((event) => event.type === type).length;
  const count = (as: string) => ended.filter((one) => one === as).length;
  return {
    found: bySeverity(found),
    open: bySeverity(open),
    ended: { healed: count("healed"), adopted: count("adopted"), resolved: count("resolved") },
    recurring: noisiest(found).filter(({ times }) => times > 1).length,
    timeToDetect: spreadOf(found.flatMap(({ detectedWithin }) => detectedWithin ?? [])),
    timeToResolve: spreadOf(timesToResolve(episodes, span)),
    synced: told("synced"),
    suppressed: {
      held: open.filter(({ restrained }) => restrained === "held").length,
      flapping: told("flapping"),
      refused: told("refused"),
    },
    holds: told("held"),
    failed: told("failed"),
    unknown: blackouts.reduce((sum, { from, to = span.to }) => sum + Math.max(0, to - Math.max(from, span.from)), 0),
  };
}

/** Drift of a target that git no longer names did not end: nobody looks any more. */
function endedIn(episodes: readonly Episode[], { from }: Span): { as: string; took: number }[] {
  return episodes.flatMap(({ found, end }) =>
    end === undefined || end.at < from || end.as === "retired" ? [] : [{ as: end.as, took: end.at - found }],
  );
}

function timesToResolve(episodes: readonly Episode[], span: Span): number[] {
  return endedIn(episodes, span).map(({ took }) => took);
}

function openNow(open: ReportInput["open"], episodes: readonly Episode[]): OpenDrift[] {
  const since = new Map(
    episodes
      .filter(({ end }) => end === undefined)
      .map((episode) => [keyOf(episode), new Date(episode.found).toISOString()]),
  );
  const now = open.map((drift): OpenDrift => ({ ...drift, since: since.get(keyOf(drift)) ?? null }));
  return now.toSorted(
    (a, b) =>
      SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity) ||
      (a.since ?? "").localeCompare(b.since ?? "") ||
      keyOf(a).localeCompare(keyOf(b)),
  );
}

function noisiest(found: readonly Episode[]): NoisySetting[] {
  const settings = new Map<string, NoisySetting>();
  for (const episode of found) {
    const { environment, target, path, severity, end } = episode;
    const known = settings.get(keyOf(episode));
    settings.set(keyOf(episode), {
      ...{ environment, target, path },
      times: (known?.times ?? 0) + 1,
      healed: (known?.healed ?? 0) + (end?.as === "healed" ? 1 : 0),
      severity: known === undefined ? severity : worse(known.severity, severity),
      // Episodes come in the order of time.
      last: new Date(episode.found).toISOString(),
    });
  }
  return [...settings.values()].toSorted((a, b) => b.times - a.times || b.last.localeCompare(a.last));
}

function timeline(found: readonly Episode[], { from, to }: Span): Timeline {
  const first = Math.floor(from / DAY);
  const count = Math.floor(to / DAY) - first + 1;
  const days = count > MOST_BARS ? 7 : 1;
  const bars = Array.from({ length: Math.ceil(count / days) }, (_, index): Episode[] => {
    const begin = (first + index * days) * DAY;
    // What the store's clock puts after our `to` belongs to the last bar.
    const last = (index + 1) * days >= count;
    return found.filter((episode) => episode.found >= begin && (last || episode.found < begin + days * DAY));
  });
  return {
    days,
    bars: bars.map((episodes, index) => ({
      day: new Date((first + index * days) * DAY).toISOString().slice(0, 10),
      ...bySeverity(episodes),
    })),
  };
}

function histogram(times: readonly number[]): DriftReport["resolveTimes"] {
  return RESOLVE_TIMES.map((upTo, index) => {
    const above = RESOLVE_TIMES[index - 1] ?? Number.NEGATIVE_INFINITY;
    const count = times.filter((time) => time > above && time <= upTo).length;
    return { upTo: Number.isFinite(upTo) ? upTo : null, count };
  });
}

function bySeverity(items: readonly { readonly severity: Severity }[]): BySeverity {
  const count = (severity: Severity) => items.filter((item) => item.severity === severity).length;
  return { low: count("low"), medium: count("medium"), high: count("high"), critical: count("critical") };
}

function keyOf({ environment, target, path }: { environment: string; target: string; path: string }): string {
  return JSON.stringify([environment, target, path]);
}
