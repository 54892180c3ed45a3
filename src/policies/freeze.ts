import { Cron } from "croner";
import { z } from "zod";
import type { CheckedFile } from "../config/checked.js";
import { TrueupError } from "../core/errors.js";
import type { Freeze, FreezeGuard } from "../core/freeze.js";
import { durationSchema } from "../lib/duration.js";
import { globs } from "../lib/glob.js";
import { suggest } from "../lib/suggest.js";
import { isTimezone } from "../lib/timezone.js";

export const freezeSchema = z.array(
  z.strictObject({
    kind: z.enum(["deny", "allow"]).default("deny"),
    cron: z.string(),
    duration: durationSchema,
    timezone: z.string().default("UTC"),
    environment: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]).optional(),
  }),
);

export type FreezeSpecs = z.output<typeof freezeSchema>;

interface Window {
  readonly kind: "deny" | "allow";
  readonly cron: string;
  readonly timezone: string;
  readonly concerns: (environment: string) => boolean;
  /** When the window that is open at an instant ends; undefined where none is. */
  readonly openUntil: (instant: number) => number | undefined;
  readonly nextStart: (after: number) => number | undefined;
}

/**
 * Freeze windows as a guard. A window begins where its cron says, by the clock of its time zone, and lasts its duration as
 * time goes by. A start that daylight saving skips begins as soon as the gap is over; one that it doubles begins once, the
 * first time. (Only a start with `*` or a step in minute or hour goes by the hours that there are.) Where windows overlap,
 * `deny` beats `allow`; where some window allows, everything outside of those is frozen.
 *
 * @throws TrueupError POLICY_INVALID with the place; `at` is where the list stands in the file.
 */
export function readFreeze(specs: FreezeSpecs, source: CheckedFile, at: readonly (string | number)[]): FreezeGuard {
  const windows = specs.map((spec, index): Window => {
    const { kind, cron, timezone, duration, environment } = spec;
    const schedule = readSchedule(spec, { source, at: [...at, index] });
    return {
      ...{ kind, cron, timezone },
      concerns: globs(environment === undefined ? [] : [environment].flat()),
      openUntil: (instant) => {
        // croner looks before its reference, to the second: the instant itself may be the start.
        const [start] = schedule.previousRuns(1, new Date(instant + 1));
        return start !== undefined && instant < start.getTime() + duration ? start.getTime() + duration : undefined;
      },
      nextStart: (after) => schedule.nextRun(new Date(after))?.getTime(),
    };
  });
  return (environment, instant) => {
    const concerned = windows.filter(({ concerns }) => concerns(environment));
    const first = closed(concerned, instant);
    if (first === undefined) return undefined;
    const end = first.until === undefined ? undefined : endOf(concerned, first.until);
    return { cause: first.cause, until: end === undefined ? undefined : isoOf(end) };
  };
}

/** Windows that follow each other are one freeze; beyond so many, its end is not looked for. */
const MOST_WINDOWS = 500;

/** When writes are allowed, at an instant or after it; undefined where no end is in sight. */
function endOf(windows: readonly Window[], instant: number): number | undefined {
  let end = instant;
  for (let count = 0; count < MOST_WINDOWS; count += 1) {
    const next = closed(windows, end);
    if (next === undefined) return end;
    if (next.until === undefined) return undefined;
    end = next.until;
  }
  return undefined;
}

interface Closed extends Pick<Freeze, "cause"> {
  readonly until: number | undefined;
}

/** What speaks against a write at an instant, and until when that does; something else may speak then. */
function closed(windows: readonly Window[], instant: number): Closed | undefined {
  const open = windows.flatMap((window) => {
    const until = window.openUntil(instant);
    return until === undefined ? [] : [{ window, until }];
  });
  const denying = open.find(({ window }) => window.kind === "deny");
  if (denying !== undefined) {
    const { cron, timezone } = denying.window;
    return { cause: { kind: "deny", cron, timezone }, until: denying.until };
  }
  const allowing = windows.filter(({ kind }) => kind === "allow");
  if (allowing.length === 0 || open.length > 0) return undefined;
  const starts = allowing.flatMap(({ nextStart }) => nextStart(instant) ?? []);
  return { cause: { kind: "allow" }, until: starts.length === 0 ? undefined : Math.min(...starts) };
}

interface Where {
  readonly source: CheckedFile;
  readonly at: readonly (string | number)[];
}

function readSchedule({ cron, timezone }: FreezeSpecs[number], { source, at }: Where): Cron {
  const invalid = (key: string, message: string, hint: string): TrueupError =>
    new TrueupError("POLICY_INVALID", message, { where: source.place([...at, key]), hint });
  if (!isTimezone(timezone)) {
    const near = suggest(timezone, Intl.supportedValuesOf("timeZone"));
    const hint = near === undefined ? "write an IANA time zone such as Europe/Berlin, or UTC" : `did you mean "${near}"?`;
    throw invalid("timezone", `\`${timezone}\` is not a time zone`, hint);
  }
  const hint = "five fields: minute hour day-of-month month day-of-week, such as `0 18 * * 5`";
  // croner also takes a date, for once, and fields for seconds and years.
  if (cron.trim().split(/\s+/).length !== 5) throw invalid("cron", `\`${cron}\` is not a cron expression`, hint);
  try {
    // No function: nothing is scheduled.
    const schedule = new Cron(cron, { timezone, fixedTimeRule: "no-wildcard" });
    if (schedule.nextRun(new Date(0)) !== null) return schedule;
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^CronPattern: (Syntax error, )?/, "") : "";
    throw invalid("cron", `\`${cron}\` is not a cron expression: ${reason}`, hint);
  }
  throw invalid("cron", `\`${cron}\` never comes`, "no month has that day");
}

/** Windows begin and end on whole seconds, unless a duration says otherwise. */
function isoOf(instant: number): string {
  return new Date(instant).toISOString().replace(".000Z", "Z");
}
