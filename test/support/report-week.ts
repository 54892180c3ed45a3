import type { Severity } from "../../src/core/policy.js";
import type { Value } from "../../src/core/value.js";
import type { ReportInput } from "../../src/reports/compile.js";
import type { Event } from "../../src/store/store.js";

/** An event of a history that a test writes down. `at` counts minutes from the beginning of the span. */
export interface Told {
  readonly at: number;
  readonly type: string;
  readonly environment?: string;
  readonly target?: string | null;
  readonly path?: string;
  readonly kind?: string;
  readonly severity?: Severity;
}

export const BEGIN = Date.parse("2026-11-09T00:00:00Z");

/** Events as the store has them, with ids in the order of time. */
export function toldEvents(told: readonly Told[]): Event[] {
  return told
    .toSorted((a, b) => a.at - b.at)
    .map(({ at, type, environment = "prod", target = "settings", path, kind, severity }, index) => ({
      id: index + 1,
      at: new Date(BEGIN + at * 60_000).toISOString(),
      environment,
      ...(target === null ? {} : { target }),
      type,
      ...(path === undefined ? {} : { path }),
      message: type,
      ...(kind === undefined &&
      severity === undefined &&
      !["drifted", "healed", "adopted", "pending-restart"].includes(type)
        ? {}
        : { detail: { kind: kind ?? "modified", severity: severity ?? "low", live: 1, desired: 2, rule: "default" } }),
    }));
}

/** A week of `days` days from BEGIN, with nothing open. */
export function inputOf(told: readonly Told[], input: Partial<ReportInput> = {}): ReportInput {
  return {
    from: new Date(BEGIN),
    to: new Date(BEGIN + 7 * 86_400_000 - 1),
    complete: true,
    interval: 60_000,
    environments: ["prod"],
    events: toldEvents(told),
    open: [],
    ...input,
  };
}

const HOUR = 60;
const DAY = 24 * HOUR;

type Drift = readonly [
  at: number,
  environment: string,
  target: string,
  path: string,
  severity: Severity,
  took: number | null,
  end?: string,
];

const DRIFTS: readonly Drift[] = [
  [2 * HOUR, "prod", "settings", "/pool/max", "high", 38],
  [3 * HOUR, "dev", "host", "/app.env/LOG_LEVEL", "low", 0],
  [9 * HOUR, "staging", "broker", "/rooms~1kitchen/setpoint", "medium", 240, "adopted"],
  [DAY + HOUR, "dev", "host", "/app.env/LOG_LEVEL", "low", 0],
  [DAY + 8 * HOUR, "prod", "server", "/work_mem", "medium", 95, "resolved"],
  [DAY + 8 * HOUR, "prod", "server", "/max_connections", "high", 410, "adopted"],
  [DAY + 14 * HOUR, "prod", "broker", "/alarm/threshold", "critical", 6],
  [2 * DAY + 5 * HOUR, "dev", "host", "/app.env/LOG_LEVEL", "low", 0],
  [2 * DAY + 7 * HOUR, "staging", "settings", "/features/new_checkout", "medium", 1500, "adopted"],
  [3 * DAY + HOUR, "prod", "settings", "/pool/max", "high", 22],
  [3 * DAY + 3 * HOUR, "dev", "host", "/app.yaml/server/port", "low", 0],
  [3 * DAY + 9 * HOUR, "prod", "host", "/api.env/FEATURE_FLAGS", "medium", 700, "resolved"],
  [3 * DAY + 10 * HOUR, "dev", "host", "/app.env/LOG_LEVEL", "low", 0],
  [3 * DAY + 15 * HOUR, "staging", "broker", "/rooms~1kitchen/setpoint", "medium", 61],
  [4 * DAY + 2 * HOUR, "prod", "settings", "/smtp/password", "critical", null],
  [4 * DAY + 6 * HOUR, "dev", "host", "/app.env/LOG_LEVEL", "low", 0],
  [4 * DAY + 11 * HOUR, "prod", "settings", "/pool/max", "high", 51],
  [5 * DAY + 4 * HOUR, "staging", "broker", "/rooms~1kitchen/setpoint", "medium", 12],
  [6 * DAY + 9 * HOUR, "prod", "server", "/max_connections", "high", null],
  [6 * DAY + 10 * HOUR, "dev", "host", "/app.env/LOG_LEVEL", "low", null],
];

/** A week as an operator could have had it, for the picture in the docs. */
export function believableWeek(): ReportInput {
  const told = DRIFTS.flatMap(([at, environment, target, path, severity, took, end = "healed"]): Told[] => {
    const place = { environment, target, path, severity };
    if (took === 0) return [{ ...place, at, type: "healed" }];
    const found = { ...place, at, type: "drifted" };
    return took === null ? [found] : [found, { ...place, at: at + took, type: end }];
  });
  const rest: Told[] = [
    { at: -600, type: "drifted", environment: "prod", target: "host", path: "/api.env/WORKERS", severity: "medium" },
    { at: 45, type: "healed", environment: "prod", target: "host", path: "/api.env/WORKERS", severity: "medium" },
    ...["dev", "staging", "prod"].flatMap((environment) =>
      ["settings", "host", "broker", "server"].map((target): Told => {
        return { at: 5, type: "synced", environment, target, path: "/version", kind: "pending" };
      }),
    ),
    { at: 2 * DAY, type: "unknown", environment: "staging", target: "broker" },
    { at: 2 * DAY + 17, type: "recovered", environment: "staging", target: "broker" },
    {
      at: 6 * DAY + 9 * HOUR,
      type: "held",
      environment: "prod",
      target: "server",
      path: "/max_connections",
      severity: "high",
    },
    {
      at: 6 * DAY + 10 * HOUR,
      type: "flapping",
      environment: "dev",
      target: "host",
      path: "/app.env/LOG_LEVEL",
      severity: "low",
    },
    { at: 3 * DAY, type: "refused", environment: "prod", target: "settings" },
  ];
  const open = (environment: string, target: string, path: string, values: { live: Value; desired: Value }) => ({
    ...{ environment, target, path, kind: "modified" },
    ...values,
  });
  return inputOf([...told, ...rest], {
    environments: ["dev", "staging", "prod"],
    open: [
      {
        ...open("prod", "settings", "/smtp/password", {
          live: "(sensitive 93ab01d2)",
          desired: "(sensitive 5f0c1b9e)",
        }),
        ...{ severity: "critical", rule: "security settings" },
      },
      {
        ...open("prod", "server", "/max_connections", { live: "500", desired: "200" }),
        ...{ severity: "high", rule: "capacity", restrained: "held" },
        note: "held by ana until 2026-11-16 12:00, because INC-123",
      },
      {
        ...open("dev", "host", "/app.env/LOG_LEVEL", { live: "debug", desired: "info" }),
        ...{ severity: "low", rule: "log level", restrained: "flapping", note: "healed 3 times within 30 min" },
      },
    ],
  });
}
