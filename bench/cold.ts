import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { connectAsync } from "mqtt";
import pg from "pg";
import { ratioFigure, type Section } from "./report.js";
import { inTurns, median, ratio } from "./statistics.js";
import { CLI, type World } from "./world.js";

const BARE = fileURLToPath(new URL("./bare.mjs", import.meta.url));

/** Whole processes, from nothing to an answer, with one value drifted in each of the three systems. */
export async function cold(world: World): Promise<Section> {
  const undo = await drift(world);
  try {
    const config = join(world.folder, "world.json");
    const bare = (from: string) => () => exits(process.execPath, [BARE, config, from], 0);
    const diff = (file: string) => () => exits(process.execPath, [CLI, "diff", "--config", file], 2);
    const ansible = ansibleCommand(world);
    const times = await inTurns(
      {
        server: diff(world.config),
        embedded: diff(world.embedded),
        git: bare("git"),
        json: bare("json"),
        node: () => exits(process.execPath, ["-e", "0"], 0),
        ...(ansible === undefined ? {} : { ansible: () => exits("ansible-playbook", ansible, 0) }),
      },
      { runs: 11, warmup: 2 },
    );
    type Name = keyof typeof times;
    const figure = (what: string, [ours, theirs]: readonly [Name, Name], name: string, goal?: number) =>
      ratioFigure(what, {
        ...{ ours: median(times[ours]), theirs: median(times[theirs]), ratio: ratio(times[ours], times[theirs]), name },
        ...(goal === undefined ? {} : { goal }),
      });
    const fromGit = "bare script, desired from git: `ls-remote`, `cat-file`, YAML and TOML parsed, no layers";
    const fromJson = "bare script, desired from one JSON file";
    return {
      title: "Cold `trueup diff` of the same, whole processes",
      figures: [
        figure("store on a server", ["server", "git"], fromGit, 1.2),
        figure("store on a server", ["server", "json"], fromJson, 1.2),
        figure("embedded store", ["embedded", "git"], fromGit),
        figure("embedded store", ["embedded", "json"], fromJson),
        ...(ansible === undefined
          ? []
          : [figure("store on a server", ["server", "ansible"], "Ansible, check mode, tuned")]),
        figure("Node itself (`node -e 0`)", ["node", "json"], fromJson),
      ],
      notes:
        ansible === undefined ? ["Ansible (with psql and mosquitto_sub) is not installed here: not compared."] : [],
    };
  } finally {
    await undo();
  }
}

async function drift(world: World): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: world.databaseUrl });
  await client.connect();
  const broker = await connectAsync(world.brokerUrl, { protocolVersion: world.protocolVersion });
  const topic = `${world.prefix}/rooms/room-0/setpoint`;
  const file = join(world.host, world.files[0] ?? "");
  const text = readFileSync(file, "utf8");
  const set = async (value: number) => {
    await client.query("UPDATE app_settings SET value = to_jsonb($1::float8) WHERE key = 'service-0.setting-0'", [
      value,
    ]);
    await broker.publishAsync(topic, String(value), { retain: true, qos: 1 });
    writeFileSync(file, value === 0.5 ? text : text.replace("setting-0: 0.5", `setting-0: ${value}`));
  };
  await set(99);
  return async () => {
    await set(0.5);
    await client.end();
    await broker.endAsync();
  };
}

async function exits(command: string, args: readonly string[], expected: number): Promise<void> {
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== expected) throw new Error(`${command} ${args.join(" ")} ended with ${code}, not ${expected}: ${errors}`);
}

/**
 * Ansible at its best: no facts, a local connection, one task a system, the systems' own clients, nothing copied; it compares
 * the files byte by byte, and reads rows and topics without comparing them.
 */
function ansibleCommand(world: World): readonly string[] | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const tools = ["ansible-playbook", "psql", "mosquitto_sub"];
  if (!tools.every((tool) => folders.some((folder) => existsSync(join(folder, tool))))) return undefined;
  const playbook = join(world.folder, "playbook.yaml");
  const task = (command: string) => `    - command: ${JSON.stringify(command)}\n      check_mode: false\n`;
  const files = task(`diff -rq ${world.folder}/work/environments/prod/host ${world.host}`);
  writeFileSync(
    playbook,
    "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n" +
      `${files}      register: files\n      failed_when: files.rc > 1\n` +
      task(`psql ${world.databaseUrl} -Atc "SELECT key, value FROM app_settings"`) +
      task(`mosquitto_sub -L ${world.brokerUrl}/${world.prefix}/# -v -C ${world.topics}`),
  );
  return ["--check", "--diff", "-i", "localhost,", playbook];
}
