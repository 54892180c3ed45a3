import type { Config } from "../config/config.js";
import type { NotifierConfig } from "../config/notifiers.js";
import { TrueupError } from "../core/errors.js";
import type { FreezeGuard } from "../core/freeze.js";
import type { IncidentView, Step } from "../core/incident.js";
import type { Severity } from "../core/policy.js";
import type { Notifier } from "../notifiers/notifier.js";
import { compileCel } from "../policies/cel.js";

/** One notifier of trueup.yaml, and what it is told when. */
export interface Route {
  readonly name: string;
  readonly kind: string;
  /** Whether messages of one incident are one thread. */
  readonly threaded: boolean;
  /** Whether its messages are collected into one. */
  readonly digest: boolean;
  readonly escalate: NotifierConfig["escalate"];
  /** Whether its condition lets the incident through. */
  concerns(view: IncidentView, step: Step): boolean;
  /** Until when a message waits, quiet hours and digest counted in, in milliseconds since 1970; undefined: not at all. */
  waitsUntil(severity: Severity, instant: number): number | undefined;
  open(): Promise<Notifier>;
}

/** What a condition sees. */
const VARIABLES = {
  severity: "string",
  environment: "string",
  target: "string",
  path: "string",
  kind: "string",
  rule: "string",
  step: "string",
} as const;

/** @throws TrueupError CONFIG_INVALID with the place */
export function compileRoutes({ notifiers, source }: Pick<Config, "notifiers" | "source">): Promise<readonly Route[]> {
  return Promise.all(
    notifiers.map(async (notifier): Promise<Route> => {
      const { name, kind, spec, escalate, at, when } = notifier;
      const where = source.place([...at, "when"]);
      const condition =
        when === undefined
          ? undefined
          : await compileCel({ expression: when, variables: VARIABLES, where }).catch((error: unknown) => {
              throw asConfigError(error, "see docs/notifiers.md for the variables that `when` has");
            });
      return {
        ...{ name, kind: kind.kind, escalate },
        threaded: kind.threads?.(spec) ?? false,
        digest: notifier.digest !== undefined,
        concerns: ({ severity, environment, target, path = "", kind: drift, rule }, step) => {
          try {
            return condition?.({ severity, environment, target, path, kind: drift, rule, step }) ?? true;
          } catch {
            // Rather once too often than a drift that nobody hears of.
            return true;
          }
        },
        waitsUntil: await waiting(notifier, source),
        open: () => kind.open(spec),
      };
    }),
  );
}

/** A digest is a window of an instant outside of which messages wait; quiet hours are one inside of which they do. */
const INSTANT = 1;

async function waiting({ quiet, digest, at }: NotifierConfig, source: Config["source"]): Promise<Route["waitsUntil"]> {
  const [silence, collect] = await Promise.all([
    quiet && guard({ kind: "deny", ...quiet }, source, [...at, "quiet"]),
    digest && guard({ kind: "allow", ...digest, duration: INSTANT }, source, [...at, "digest"]),
  ]);
  return (severity, instant) => {
    const collected = endOf(collect?.("", instant)) ?? instant;
    const quietUntil = severity === "critical" ? undefined : endOf(silence?.("", collected));
    const until = quietUntil ?? collected;
    return until > instant ? until : undefined;
  };
}

function endOf(freeze: ReturnType<FreezeGuard>): number | undefined {
  return freeze?.until === undefined ? undefined : Date.parse(freeze.until);
}

interface Window {
  readonly kind: "deny" | "allow";
  readonly cron: string;
  readonly duration: number;
  readonly timezone: string;
}

/** The windows of freezes, which are right on both days of daylight saving. */
async function guard(window: Window, source: Config["source"], at: NotifierConfig["at"]): Promise<FreezeGuard> {
  const { readFreeze } = await import("../policies/freeze.js");
  try {
    // There, it is one of a list.
    const place: typeof source.place = ([, ...key]) => source.place([...at, ...key]);
    return readFreeze([window], { ...source, place }, []);
  } catch (error) {
    throw asConfigError(error, undefined);
  }
}

function asConfigError(error: unknown, hint: string | undefined): unknown {
  if (!(error instanceof TrueupError)) return error;
  return new TrueupError("CONFIG_INVALID", error.message, {
    where: error.where,
    hint: hint ?? error.hint,
    cause: error,
  });
}
