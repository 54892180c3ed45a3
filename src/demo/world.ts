import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { TrueupError } from "../core/errors.js";
import { type Broker, startBroker } from "./mqtt-broker.js";
import { type WorldPaths } from "./paths.js";
import { findPostgres, type PostgresBinaries } from "./postgres-binaries.js";
import { freePort, type PostgresServer, startPostgresServer } from "./postgres-server.js";
import { makeRepository } from "./repository.js";

export const ENVIRONMENTS = ["dev", "staging", "prod"] as const;
export type EnvironmentName = (typeof ENVIRONMENTS)[number];

/** One environment's live systems, as someone with the keys would reach them. */
export interface Place {
  readonly databaseUrl: string;
  readonly brokerUrl: string;
  readonly brokerPassword: string;
  readonly folder: string;
}

export interface World {
  readonly paths: WorldPaths;
  /** Whether it was there already. */
  readonly found: boolean;
  readonly places: Readonly<Record<EnvironmentName, Place>>;
  close(): Promise<void>;
}

/** What a second start must know to find everything where it was. */
interface Facts {
  readonly password: string;
  readonly ports: Readonly<Record<EnvironmentName, { readonly postgres: number; readonly broker: number }>>;
}

/** Starts the live systems of three environments on loopback, and writes the operator's file that names them. */
export async function openWorld(paths: WorldPaths, tell: (line: string) => void): Promise<World> {
  const [binaries] = await findPostgres();
  if (binaries === undefined) {
    throw new TrueupError("CONFIG_INVALID", "no PostgreSQL server runs on this machine", {
      hint: "npm ci brings one for Linux and macOS (an optional dependency: not with --omit=optional); or install PostgreSQL",
    });
  }
  const found = existsSync(paths.facts);
  mkdirSync(paths.root, { recursive: true, mode: 0o700 });
  const facts = found ? (JSON.parse(readFileSync(paths.facts, "utf8")) as Facts) : await newFacts();
  if (!existsSync(paths.repository)) {
    tell("making the environments repository from environments/ and policies/: branches dev, staging, prod");
    await makeRepository(paths.repository, ENVIRONMENTS);
  }
  tell(
    `${found ? "starting" : "making"} a PostgreSQL ${binaries.version} server, an MQTT broker and a folder for each environment`,
  );
  const systems = await Promise.all(ENVIRONMENTS.map((name) => startSystems(name, { paths, facts, binaries })));
  const close = async () => {
    await Promise.all(systems.flatMap(({ server, broker }) => [server.close(), broker.stop()]));
  };
  const places = Object.fromEntries(systems.map(({ name, place }) => [name, place])) as Record<EnvironmentName, Place>;
  writeFileSync(paths.config, configText(paths, places), { mode: 0o600 });
  writeFileSync(paths.facts, `${JSON.stringify(facts)}\n`, { mode: 0o600 });
  return { paths, found, places, close };
}

async function newFacts(): Promise<Facts> {
  const ports: Partial<Record<EnvironmentName, { postgres: number; broker: number }>> = {};
  for (const name of ENVIRONMENTS) ports[name] = { postgres: await freePort(), broker: await freePort() };
  return { password: randomBytes(12).toString("hex"), ports: ports as Facts["ports"] };
}

interface Systems {
  readonly name: EnvironmentName;
  readonly server: PostgresServer;
  readonly broker: Broker;
  readonly place: Place;
}

async function startSystems(
  name: EnvironmentName,
  { paths, facts, binaries }: { paths: WorldPaths; facts: Facts; binaries: PostgresBinaries },
): Promise<Systems> {
  const { password, ports } = facts;
  const folder = paths.host(name);
  mkdirSync(folder, { recursive: true });
  mkdirSync(`${paths.root}/brokers`, { recursive: true });
  const server = await startPostgresServer({
    binaries,
    directory: paths.postgres(name),
    password,
    port: ports[name].postgres,
  });
  const broker = await startBroker({
    port: ports[name].broker,
    persistence: paths.topics(name),
    username: "predictor",
    password,
  });
  const { default: pg } = await import("pg");
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await client.query("CREATE TABLE IF NOT EXISTS app_settings (key text PRIMARY KEY, value jsonb NOT NULL)");
  await client.end();
  return {
    name,
    server,
    broker,
    place: { databaseUrl: server.url, brokerUrl: broker.url, brokerPassword: password, folder },
  };
}

function configText(paths: WorldPaths, places: Readonly<Record<EnvironmentName, Place>>): string {
  const environments = ENVIRONMENTS.map((name) => {
    const { databaseUrl, brokerUrl, brokerPassword, folder } = places[name];
    return `  ${name}:
    branch: ${name}
    connections:
      database: { url: "${databaseUrl}", tables: [app_settings] }
      broker: { url: "${brokerUrl}", username: predictor, password: "${brokerPassword}", prefix: predictor }
      host: { root: "${folder}" }
`;
  });
  return `# The operator's file of the demonstration, written anew at each start. It holds the credentials and says what targets may reach.
repository: { url: "${paths.repository}" }
interval: 2s
stateDirectory: "${paths.state}"
environments:
${environments.join("")}`;
}
