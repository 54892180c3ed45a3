import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { connectAsync } from "mqtt";
import pg from "pg";
import { type Figure, ms, type Section } from "./report.js";
import { median, quantile } from "./statistics.js";
import { CLI, run, type World } from "./world.js";

const HEALS = 40;
const GOAL = 100;

/**
 * From the end of a stranger's write to the controller's own line that it is healed: noticed, read, compared, judged, leased,
 * written, read back and recorded in the store. A real `trueup run` in a process of its own, which asks by itself only once a
 * minute.
 */
export async function heal(world: World): Promise<Section> {
  await run(process.execPath, [CLI, "init", "target", "prod/settings", "--install", "--config", world.config]);
  const controller = startController(world.config);
  const client = new pg.Client({ connectionString: world.databaseUrl });
  await client.connect();
  const broker = await connectAsync(world.brokerUrl, { protocolVersion: world.protocolVersion });
  const file = join(world.host, world.files[0] ?? "");
  const strangers: Readonly<Record<string, (value: number) => Promise<unknown>>> = {
    "postgres-table (trigger and LISTEN)": (value) =>
      client.query("UPDATE app_settings SET value = to_jsonb($1::float8) WHERE key = 'service-0.setting-0'", [value]),
    "mqtt (subscription)": (value) =>
      broker.publishAsync(`${world.prefix}/rooms/room-0/setpoint`, String(value), { retain: true, qos: 1 }),
    "files (watched)": async (value) => {
      writeFileSync(file, readFileSync(file, "utf8").replace(/setting-0: .*/, `setting-0: ${value}`));
      await Promise.resolve();
    },
  };
  const targets: Readonly<Record<string, string>> = { p: "settings", m: "broker", f: "host" };
  try {
    const figures: Figure[] = [];
    for (const [name, act] of Object.entries(strangers)) {
      const target = targets[name[0] ?? ""] ?? "";
      await controller.watches(target, act);
      const times: number[] = [];
      for (let index = 0; index < HEALS; index += 1) {
        const healed = controller.healed(target);
        await act(1_000 + index);
        const start = performance.now();
        times.push((await healed) - start);
        await delay(60 + Math.random() * 60);
      }
      const middle = median(times);
      figures.push({
        what: name,
        ours: `${ms(middle)} (95 %: ${ms(quantile(times, 0.95))})`,
        against: "by itself",
        goal: `< ${GOAL} ms`,
        met: middle < GOAL,
      });
    }
    return { title: `Detection to healed, push on, median of ${HEALS}`, figures };
  } finally {
    await controller.stop();
    await client.end();
    await broker.endAsync();
  }
}

function startController(config: string) {
  const child = spawn(process.execPath, [CLI, "run", "--config", config], { stdio: ["ignore", "pipe", "pipe"] });
  const waiting = new Map<string, (at: number) => void>();
  const hear = (line: string) => {
    const at = performance.now();
    const said = parsed(line);
    if (said["event"] !== "healed") return;
    waiting.get(String(said["target"]))?.(at);
  };
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", hear);
  const healed = (target: string) => new Promise<number>((resolve) => waiting.set(target, resolve));
  return {
    healed,
    /** The first push is not heard before the controller listens: drift is made until one is healed. */
    async watches(target: string, act: (value: number) => Promise<unknown>) {
      for (let attempt = 0; attempt < 60; attempt += 1) {
        const done = healed(target);
        await act(500 + attempt);
        const heard = await Promise.race([done.then(() => true), delay(1_000).then(() => false)]);
        if (heard && attempt > 0) return;
      }
      throw new Error(`the controller heals nothing in ${target}`);
    },
    async stop() {
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}

function parsed(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return {};
  }
}
