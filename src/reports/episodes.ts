import { SEVERITIES, type Severity } from "../core/policy.js";
import type { Event } from "../store/store.js";

/** One drift of one setting, from its finding to its end. Instants are milliseconds since 1970. */
export interface Episode {
  readonly environment: string;
  readonly target: string;
  readonly path: string;
  readonly found: number;
  /** The worst that was said of it. */
  severity: Severity;
  /** At most so long before the finding it was in sync; undefined where no look is known. */
  readonly detectedWithin: number | undefined;
  end?: { readonly at: number; readonly as: "healed" | "adopted" | "resolved" | "retired" };
}

/** A time in which a target could not be looked at. */
export interface Blackout {
  readonly environment: string;
  readonly target: string;
  readonly from: number;
  to?: number;
}

export interface Account {
  readonly episodes: readonly Episode[];
  readonly blackouts: readonly Blackout[];
}

/** What ends drift; anything else that is said of a setting leaves it open. */
const ENDS: Readonly<Record<string, "healed" | "adopted" | "resolved">> = {
  ...{ healed: "healed", "pending-restart": "healed", synced: "resolved", adopted: "adopted", resolved: "resolved" },
  // Of a setting that differs still, but because git moved, or because git no longer names it.
  ...{ pending: "resolved", unmanaged: "resolved" },
};

/** Events that only a pass which could look writes. */
const LOOKS: ReadonlySet<string> = new Set([
  ...Object.keys(ENDS),
  ...["drifted", "recovered", "moved", "unreachable", "flapping"],
]);

export const DRIFT_KINDS: ReadonlySet<unknown> = new Set(["modified", "missing", "conflicted"]);

/** What begins drift of a setting or a blackout of a target, and what ends them: see `History.openAt`. */
export const OPENS: readonly string[] = ["drifted", "unreachable", "unknown", "failed"];
export const CLOSES: readonly string[] = [...Object.keys(ENDS), "recovered"];

/** Which events `episodesOf` needs; all others say nothing of drift. */
export const TOLD: readonly string[] = [...LOOKS, "unknown", "failed", "refused", "retired", "held"];

/** Tells the events, in whatever order they come, as drift and blackouts. */
export function episodesOf(events: readonly Event[]): Account {
  const episodes: Episode[] = [];
  const blackouts: Blackout[] = [];
  const open = new Map<string, Episode>();
  const dark = new Map<string, Blackout>();
  const looks = new Map<string, { last: number; before: number | undefined }>();

  for (const { environment, target, path, type, at, detail } of events.toSorted((a, b) => a.id - b.id)) {
    if (target === undefined) continue;
    const now = Date.parse(at);
    const place = JSON.stringify([environment, target]);
    if (LOOKS.has(type)) looked(place, now);
    if (path === undefined) {
      ofTarget({ environment, target, place, type, now });
      continue;
    }
    const key = JSON.stringify([environment, target, path]);
    const known = open.get(key);
    const severity = severityOf(detail?.["severity"]);
    const begins = type === "drifted" || DRIFT_KINDS.has(detail?.["kind"]);
    const end = ENDS[type];
    if (known === undefined) {
      // Healed or adopted by the pass that found it: the history says so in one event.
      if (!begins || (end === undefined && type !== "drifted" && type !== "unreachable")) continue;
      const detectedWithin = within(place, now);
      const episode: Episode = { environment, target, path, found: now, severity, detectedWithin };
      episodes.push(episode);
      if (end === undefined) open.set(key, episode);
      else episode.end = { at: now, as: end };
    } else {
      known.severity = worse(known.severity, severity);
      if (end === undefined) continue;
      known.end = { at: now, as: end };
      open.delete(key);
    }
  }
  return { episodes, blackouts };

  function looked(place: string, now: number): void {
    const known = looks.get(place);
    // One pass writes many events in one moment: they are one look.
    if (known?.last !== now) looks.set(place, { last: now, before: known?.last });
  }

  function within(place: string, now: number): number | undefined {
    const before = looks.get(place)?.before;
    return before === undefined ? undefined : now - before;
  }

  function ofTarget(event: { environment: string; target: string; place: string; type: string; now: number }): void {
    const { environment, target, place, type, now } = event;
    if ((type === "unknown" || type === "failed") && !dark.has(place)) {
      const blackout = { environment, target, from: now };
      dark.set(place, blackout);
      blackouts.push(blackout);
    }
    if (type !== "recovered" && type !== "retired") return;
    const blackout = dark.get(place);
    if (blackout !== undefined) blackout.to = now;
    dark.delete(place);
    if (type !== "retired") return;
    for (const [key, episode] of open) {
      if (episode.environment !== environment || episode.target !== target) continue;
      episode.end = { at: now, as: "retired" };
      open.delete(key);
    }
  }
}

function severityOf(value: unknown): Severity {
  return SEVERITIES.find((severity) => severity === value) ?? "low";
}

export function worse(a: Severity, b: Severity): Severity {
  return SEVERITIES.indexOf(a) >= SEVERITIES.indexOf(b) ? a : b;
}
