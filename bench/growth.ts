import { setMaxListeners } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../dist/config/config.js";
import { silentLog } from "../dist/lib/log.js";
import { desiredState } from "../dist/reconcile/desired.js";
import { reconcileEnvironment, refresh } from "../dist/reconcile/environment.js";
import { openSession } from "../dist/reconcile/session.js";
import { type Figure, ms, type Section } from "./report.js";
import { median } from "./statistics.js";
import { commit, type World, write } from "./world.js";

const SIZES = [10, 100, 1_000] as const;
const SETTINGS = 20;

/**
 * Many environments, one branch and one file of 20 settings each over a shared layer, store on the server. Files, because each
 * other target holds connections of its own: what a server takes, not what Trueup costs, would be the limit.
 */
export async function growth(world: World): Promise<Section> {
  const figures: Figure[] = [];
  let smallest: { first: number; idle: number } | undefined;
  for (const count of SIZES) {
    const cost = await measure(world, count);
    smallest ??= cost;
    const each = (time: number) => `${ms(time / count)} each, ${ms(time)} in all`;
    const row = (what: string, time: number, base: number): Figure => ({
      what: `${count}: ${what}`,
      ours: each(time),
      ...(count === SIZES[0]
        ? {}
        : { against: `each of ${SIZES[0]}: ${ms(base / SIZES[0])}`, ratio: time / count / (base / SIZES[0]) }),
    });
    figures.push(row("first render", cost.first, smallest.first), row("idle cycle", cost.idle, smallest.idle));
  }
  return { title: "Growing: 10, 100 and 1,000 environments", figures };
}

async function measure(world: World, count: number): Promise<{ first: number; idle: number }> {
  const folder = mkdtempSync(join(tmpdir(), "trueup-growth-"));
  const names = Array.from({ length: count }, (_, index) => `env-${index}`);
  try {
    const config = await makeEnvironments(world, folder, names);
    const stop = new AbortController();
    const { signal } = stop;
    setMaxListeners(0, signal);
    const session = openSession({
      config: loadConfig(config, process.env),
      log: silentLog,
      stop: signal,
      holder: "bench",
    });
    const branches = await refresh(session, signal);
    const revision = branches.get("main") ?? "";
    const start = performance.now();
    await Promise.all(names.map((environment) => desiredState(session, { environment, revision, signal })));
    const first = performance.now() - start;
    const cycle = async () => {
      const now = await refresh(session, signal);
      const wishes = { sync: false, confirm: false };
      return Promise.all(
        names.map((environment) => reconcileEnvironment(session, { environment, branches: now, signal }, wishes)),
      );
    };
    const states = (await cycle()).map(({ state }) => state);
    if (states.some((state) => state !== "Synced")) throw new Error(`not in sync: ${states.join()}`);
    const times: number[] = [];
    for (let run = 0; run < 10; run += 1) {
      const begun = performance.now();
      await cycle();
      if (run >= 3) times.push(performance.now() - begun);
    }
    await session.close();
    return { first, idle: median(times) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function makeEnvironments(world: World, folder: string, names: readonly string[]): Promise<string> {
  const work = join(folder, "work");
  const text = (own: string) =>
    Array.from({ length: SETTINGS }, (_, index) => `setting-${index}: ${index === 0 ? own : `value ${index}`}\n`).join(
      "",
    );
  write(join(work, "environments/base/environment.yaml"), "targets:\n  host: { kind: files, connection: host }\n");
  write(join(work, "environments/base/host/app.yaml"), text("base"));
  for (const name of names) {
    write(join(work, `environments/${name}/environment.yaml`), "layers: [base]\n");
    write(join(work, `environments/${name}/host/app.yaml`), `setting-0: ${name}\n`);
    write(join(folder, "live", name, "app.yaml"), text(name));
  }
  const repository = join(folder, "environments.git");
  await commit(work, repository);
  const store = new URL(world.databaseUrl);
  store.pathname = "/store";
  const config = join(folder, "trueup.yaml");
  const environments = names.map(
    (name) => `  ${name}: { branch: main, connections: { host: { root: ./live/${name} } } }\n`,
  );
  write(
    config,
    `repository: { url: ${repository} }\nstateDirectory: state\nstore: ${JSON.stringify(store.href)}\nenvironments:\n${environments.join("")}`,
  );
  return config;
}
