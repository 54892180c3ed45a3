import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EnvironmentName, Place } from "./world.js";

/** Something that somebody does to a live system, behind git's back. */
export interface Mischief {
  readonly environment: EnvironmentName;
  readonly target: string;
  readonly path: string;
  readonly severity: "low" | "medium" | "high" | "critical";
  /** Whether the policy heals it. */
  readonly healed: boolean;
  readonly story: string;
  /** Changes the live system; `turn` differs at every start, so that a second demonstration finds something new. */
  act(place: Place, turn: number): Promise<void>;
}

/** One for every target and severity that the shipped policies tell apart. */
export const mischief: readonly Mischief[] = [
  {
    ...{ environment: "prod", target: "settings", path: "/logging/level", severity: "low", healed: true },
    story: "someone sets the log level in the settings table to trace",
    act: (place) => setRow(place, "logging", "{level}", '"trace"'),
  },
  {
    ...{ environment: "prod", target: "settings", path: "/pool/max", severity: "high", healed: false },
    story: "someone cuts the connection pool to a tenth",
    act: (place, turn) => setRow(place, "pool", "{max}", String(3 + turn)),
  },
  {
    ...{ environment: "staging", target: "settings", path: "/model/threshold", severity: "medium", healed: false },
    story: "someone tries another threshold",
    act: (place, turn) => setRow(place, "model", "{threshold}", String(0.7 + turn / 100)),
  },
  {
    ...{ environment: "prod", target: "settings", path: "/auth/allow_guests", severity: "critical", healed: true },
    story: "someone lets guests in",
    act: (place) => setRow(place, "auth", "{allow_guests}", "true"),
  },
  {
    ...{ environment: "prod", target: "server", path: "/work_mem", severity: "high", healed: false },
    story: "someone gives every query of the server more memory",
    act: (place, turn) => alterSystem(place, "work_mem", `${65 + turn}MB`),
  },
  {
    ...{ environment: "dev", target: "server", path: "/log_min_duration_statement", severity: "low", healed: true },
    story: "someone logs every statement of the dev server",
    act: (place) => alterSystem(place, "log_min_duration_statement", "0"),
  },
  {
    ...{ environment: "prod", target: "broker", path: "/rooms~1lab/setpoint", severity: "low", healed: true },
    story: "someone turns the lab's heating up",
    act: (place) => publish(place, "rooms/lab", JSON.stringify({ setpoint: 26, display: "air" })),
  },
  {
    ...{ environment: "staging", target: "broker", path: "/features~1heatmap", severity: "medium", healed: false },
    story: "someone switches a feature on for staging",
    act: (place, turn) => publish(place, "features/heatmap", `beta-${turn}`),
  },
  {
    ...{ environment: "staging", target: "host", path: "/api.env/LOG_LEVEL", severity: "low", healed: true },
    story: "someone edits .env on the host, and leaves a comment",
    act: (place) => edit(place, "api.env", /^LOG_LEVEL=.*$/m, "LOG_LEVEL=trace # just for tonight"),
  },
  {
    ...{
      environment: "prod",
      target: "host",
      path: "/predictor.toml/server/tls/enabled",
      severity: "critical",
      healed: true,
    },
    story: "someone switches TLS off",
    act: (place) => edit(place, "predictor.toml", /^enabled = true$/m, "enabled = false"),
  },
  {
    ...{ environment: "prod", target: "host", path: "/rooms.yaml/gateway/retries", severity: "medium", healed: false },
    story: "someone makes the gateway try harder",
    act: (place, turn) => edit(place, "rooms.yaml", /retries: \d+/, `retries: ${4 + turn}`),
  },
];

async function setRow({ databaseUrl }: Place, key: string, member: string, json: string): Promise<void> {
  await query(databaseUrl, "UPDATE app_settings SET value = jsonb_set(value, $2, $3) WHERE key = $1", [
    key,
    member,
    json,
  ]);
}

async function alterSystem({ databaseUrl }: Place, name: string, value: string): Promise<void> {
  await query(databaseUrl, `ALTER SYSTEM SET ${name} = '${value}'`);
  await query(databaseUrl, "SELECT pg_reload_conf()");
}

async function query(url: string, text: string, values: readonly string[] = []): Promise<void> {
  const { default: pg } = await import("pg");
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(text, [...values]);
  } finally {
    await client.end();
  }
}

async function publish({ brokerUrl, brokerPassword }: Place, topic: string, payload: string): Promise<void> {
  const { connectAsync } = await import("mqtt");
  const client = await connectAsync(brokerUrl, { username: "predictor", password: brokerPassword });
  await client.publishAsync(`predictor/config/${topic}`, payload, { retain: true, qos: 1 });
  await client.endAsync();
}

function edit({ folder }: Place, file: string, from: RegExp, to: string): Promise<void> {
  const path = join(folder, file);
  writeFileSync(path, readFileSync(path, "utf8").replace(from, to));
  return Promise.resolve();
}
