import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { writeFileSync } from "node:fs";
import pg from "pg";
import type { Figure, Section } from "./report.js";
import { CLI, configText, run, type World } from "./world.js";

const CYCLES = 1_000;
const GOAL = 150;
/** Milliseconds after which it is stopped, however few cycles that were. */
const PATIENCE = 120_000;

/**
 * Resident memory of a real `trueup run` over 1,000 cycles of the whole world, store on the server. The cycles are counted by
 * the database: one scan of the table each.
 */
export async function memory(world: World): Promise<Section> {
  const client = new pg.Client({ connectionString: world.databaseUrl });
  await client.connect();
  const scans = async () => {
    const { rows } = await client.query<{ n: string }>(
      "SELECT seq_scan AS n FROM pg_stat_user_tables WHERE relname = 'app_settings'",
    );
    return Number(rows[0]?.n);
  };
  const store = new URL(world.databaseUrl);
  store.pathname = "/store";
  const config = join(world.folder, "memory.yaml");
  writeFileSync(config, configText(world, { store: store.href, interval: "1ms" }));
  const before = await scans();
  const child = spawn(process.execPath, [CLI, "run", "--config", config], { stdio: ["ignore", "ignore", "ignore"] });
  const resident = async () => Number((await run("ps", ["-o", "rss=", "-p", String(child.pid)])).stdout) / 1024;
  const marks: { cycles: number; megabytes: number }[] = [];
  const start = performance.now();
  try {
    for (let next = 50; next <= CYCLES;) {
      if (child.exitCode !== null) throw new Error(`the controller ended with ${child.exitCode}`);
      if (performance.now() - start > PATIENCE) break;
      await delay(250);
      const cycles = (await scans()) - before;
      if (cycles < next) continue;
      marks.push({ cycles, megabytes: await resident() });
      next = Math.max(next, cycles) + 50;
    }
  } finally {
    child.kill("SIGTERM");
    if (child.exitCode === null) await once(child, "exit");
    await client.end();
  }
  if (marks.length === 0) throw new Error(`the controller came to no 50 cycles in ${PATIENCE / 60_000} minutes`);
  const highest = Math.max(...marks.map(({ megabytes }) => megabytes));
  const early = marks.filter(({ cycles }) => cycles >= 200 && cycles < CYCLES / 2);
  const late = marks.filter(({ cycles }) => cycles >= CYCLES / 2);
  const isLong = early.length > 0 && late.length > 0;
  return {
    title: `Memory of the controller over ${marks.at(-1)?.cycles ?? 0} cycles, store on a server`,
    figures: [
      { what: "highest resident", ours: `${Math.round(highest)} MB`, goal: `< ${GOAL} MB`, met: highest < GOAL },
      ...(isLong ? [growthOf(mean(early), mean(late))] : []),
    ],
    notes: [
      ...(isLong ? [] : [`Stopped after ${PATIENCE / 60_000} minutes: too few cycles to tell whether it grows.`]),
      `MB at cycle: ${marks
        .filter((_, index) => index % 3 === 0)
        .map(({ cycles, megabytes }) => `${cycles}: ${Math.round(megabytes)}`)
        .join(", ")}.`,
    ],
  };
}

function mean(marks: readonly { megabytes: number }[]): number {
  return marks.reduce((sum, { megabytes }) => sum + megabytes, 0) / marks.length;
}

function growthOf(early: number, late: number): Figure {
  return {
    what: "mean after the first half",
    ours: `${Math.round(late)} MB`,
    against: `mean of cycles 200 to 500: ${Math.round(early)} MB`,
    ratio: late / early,
    goal: "no growth (≤ 1.1 ×)",
    met: late / early <= 1.1,
  };
}
