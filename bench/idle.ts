import { readFileSync } from "node:fs";
import { connectAsync } from "mqtt";
import pg from "pg";
import { parse as toml } from "smol-toml";
import { parse as yaml } from "yaml";
import { loadConfig } from "../dist/config/config.js";
import { silentLog } from "../dist/lib/log.js";
import { reconcileEnvironment, refresh } from "../dist/reconcile/environment.js";
import { openSession } from "../dist/reconcile/session.js";
import * as bare from "./bare.mjs";
import type { Documents } from "./documents.js";
import { ratioFigure, type Section } from "./report.js";
import { inTurns, median, ratio } from "./statistics.js";
import type { World } from "./world.js";

/**
 * A cycle in which nothing moved, in a process that has long been running, against two floors in the same process over
 * lasting connections of their own: one reads everything anew and compares, the other only asks whether something moved where
 * the system can tell (a stat, a broker that pushes), and holds what it parsed.
 */
export async function idle(world: World): Promise<Section> {
  const stop = new AbortController();
  const { signal } = stop;
  const session = openSession({
    config: loadConfig(world.config, process.env),
    log: silentLog,
    stop: signal,
    holder: "bench",
  });
  const floor = await floors(world);
  const branches = await refresh(session, signal);
  const targets = (given = branches) =>
    reconcileEnvironment(session, { environment: "prod", branches: given, signal }, { sync: false, confirm: false });
  const first = await targets();
  if (first.state !== "Synced") throw new Error(`the world is not in sync: ${JSON.stringify(first).slice(0, 500)}`);
  try {
    const times = await inTurns(
      {
        trueup: () => targets(),
        all: floor.all,
        least: floor.least,
        cycle: async () => targets(await refresh(session, signal)),
        allGit: () => Promise.all([bare.askGit(world.repository), floor.all()]),
        leastGit: () => Promise.all([bare.askGit(world.repository), floor.least()]),
      },
      { runs: 150, warmup: 30 },
    );
    const figure = (what: string, names: readonly [keyof typeof times, keyof typeof times, string], goal?: number) => {
      const [ours, theirs] = [times[names[0]], times[names[1]]];
      const bound = goal === undefined ? {} : { goal };
      return ratioFigure(what, {
        ours: median(ours),
        theirs: median(theirs),
        ratio: ratio(ours, theirs),
        name: names[2],
        ...bound,
      });
    };
    return {
      title: "Idle cycle: 1,000 Postgres settings, 100 files, 500 topics, warm",
      figures: [
        figure("three targets", ["trueup", "all", "reading and comparing everything"], 1.2),
        figure("three targets", ["trueup", "least", "one query, one stat a file, one answer of the broker"]),
        figure("whole cycle with git", ["cycle", "allGit", "the first, beside one `git ls-remote`"], 1.2),
        figure("whole cycle with git", ["cycle", "leastGit", "the second, beside one `git ls-remote`"]),
      ],
      notes: [
        "Trueup's time includes what the floors do not have: some ten queries to the store, the three-way comparison, the record of what it found.",
      ],
    };
  } finally {
    await floor.close();
    await session.close();
    stop.abort();
  }
}

async function floors(world: World) {
  const desired = JSON.parse(readFileSync(world.desired, "utf8")) as Documents;
  const client = new pg.Client({ connectionString: world.databaseUrl });
  await client.connect();
  const broker = await connectAsync(world.brokerUrl, { protocolVersion: world.protocolVersion, resubscribe: false });
  const parsers = { yaml, toml };
  const known = new Map<string, string>();
  bare.statFiles(world.host, world.files, known);
  const files = bare.readFiles(world.host, world.files, parsers);
  const topics = await bare.readTopics(broker, world);
  const [someTopic = ""] = Object.keys(desired.broker);
  const demand = (found: Documents) => {
    const count =
      bare.differences(desired.settings, found.settings) +
      bare.differences(desired.broker, found.broker) +
      bare.differences(desired.host, found.host);
    if (count > 0) throw new Error(`the floor sees ${count} differences`);
  };
  return {
    all: async () => {
      const [settings, found] = await Promise.all([bare.readRows(client), bare.readTopics(broker, world)]);
      demand({ settings, broker: found, host: bare.readFiles(world.host, world.files, parsers) });
    },
    least: async () => {
      const [settings] = await Promise.all([bare.readRows(client), bare.ping(broker, `${world.prefix}/${someTopic}`)]);
      if (bare.statFiles(world.host, world.files, known).length > 0) throw new Error("a file moved");
      demand({ settings, broker: topics, host: files });
    },
    close: async () => {
      await broker.endAsync();
      await client.end();
    },
  };
}
