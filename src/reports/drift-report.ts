import type { Severity } from "../core/policy.js";
import type { Value } from "../core/value.js";
import type { Spread } from "./spread.js";

/** What became of drift in a span of time. Instants are ISO 8601 in UTC, spans are milliseconds. */
export interface DriftReport {
  readonly schemaVersion: 1;
  readonly from: string;
  readonly to: string;
  /** False where the history held more events than are read: the figures begin at `from` all the same, which then is later. */
  readonly complete: boolean;
  /** How often a controller that runs looks at every target. */
  readonly interval: number;
  readonly total: Figures;
  readonly environments: readonly EnvironmentFigures[];
  /** What is open now, worst first, oldest first. */
  readonly open: readonly OpenDrift[];
  /** At most ten settings, those that drifted most often first. */
  readonly noisiest: readonly NoisySetting[];
  readonly timeline: Timeline;
  /** How many took so long to end; the last has no upper end. */
  readonly resolveTimes: readonly { readonly upTo: number | null; readonly count: number }[];
}

export type BySeverity = Readonly<Record<Severity, number>>;

export interface Figures {
  /** Drift that was found in the span, by its worst severity. */
  readonly found: BySeverity;
  readonly open: BySeverity;
  /** How drift ended in the span: written over by Trueup, taken for right, in sync again without Trueup. */
  readonly ended: { readonly healed: number; readonly adopted: number; readonly resolved: number };
  /** Settings that drifted more than once. */
  readonly recurring: number;
  /**
   * At most so long between drift and its finding: when a system moved is rarely known, so it is the time since a look that
   * left a trace in the history and saw the setting in sync. Looks that find nothing leave none, so the bound is wide where a
   * target is quiet. Null where no look came before.
   */
  readonly timeToDetect: Spread | null;
  /** From the finding to the end of what ended in the span; what was healed by the pass that found it took 0. */
  readonly timeToResolve: Spread | null;
  /** Revisions' changes that were applied. */
  readonly synced: number;
  readonly suppressed: {
    /** Settings whose drift is open now and held. */
    readonly held: number;
    /** Settings that are no longer healed because they drift again and again. */
    readonly flapping: number;
    /** Plans that a guard refused. */
    readonly refused: number;
  };
  /** Holds that began. */
  readonly holds: number;
  /** Writes that failed, and documents that did not load. */
  readonly failed: number;
  /** Time in which a target could not be looked at, summed over targets. */
  readonly unknown: number;
}

export interface EnvironmentFigures extends Figures {
  readonly name: string;
}

export interface OpenDrift {
  readonly environment: string;
  readonly target: string;
  readonly path: string;
  readonly kind: string;
  readonly severity: Severity;
  readonly rule: string;
  /** Redacted where sensitive; null where absent. */
  readonly desired: Value;
  readonly live: Value;
  /** When it was found; null where the history no longer says. */
  readonly since: string | null;
  readonly restrained?: "held" | "flapping";
  readonly note?: string;
}

export interface NoisySetting {
  readonly environment: string;
  readonly target: string;
  readonly path: string;
  /** How often it drifted. */
  readonly times: number;
  readonly healed: number;
  /** The worst. */
  readonly severity: Severity;
  readonly last: string;
}

export interface Timeline {
  /** How many days a bar stands for: 1, or 7 where the span is long. */
  readonly days: 1 | 7;
  /** Drift found, by the day (UTC) that the bar begins with. */
  readonly bars: readonly ({ readonly day: string } & BySeverity)[];
}
