import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { writeFileSync } from "node:fs";
import pg from "pg";
import type { Section } from "./report.js";
import { CLI, configText, run, type World } from "./world.js";

const CYCLES = 1_000;
const GOAL = 150;

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
      if (performance.now() - start > 120_000) break;
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
  const highest = Math.max(...marks.map(({ megabytes }) => megabytes));
  const half = (part: readonly { megabytes: number }[]) =>
    part.reduce((sum, { megabytes }) => sum + megabytes, 0) / part.length;
  const early = half(marks.filter(({ cycles }) => cycles >= 200 && cycles < CYCLES / 2));
  const late = half(marks.filter(({ cycles }) => cycles >= CYCLES / 2));
  return {
    title: `Memory of the controller over ${marks.at(-1)?.cycles ?? 0} cycles, store on a server`,
    figures: [
      { what: "highest resident", ours: `${Math.round(highest)} MB`, goal: `< ${GOAL} MB`, met: highest < GOAL },
      {
        what: "mean after the first half",
        ours: `${Math.round(late)} MB`,
        against: `mean of cycles 200 to 500: ${Math.round(early)} MB`,
        ratio: late / early,
        goal: "no growth (≤ 1.1 ×)",
        met: late / early <= 1.1,
      },
    ],
    notes: [
      `MB at cycle: ${marks
        .filter((_, index) => index % 3 === 0)
        .map(({ cycles, megabytes }) => `${cycles}: ${Math.round(megabytes)}`)
        .join(", ")}.`,
    ],
  };
}
