import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import type { PGlite, PGliteOptions } from "@electric-sql/pglite";
import { TrueupError } from "../core/errors.js";
import { withClient, type Database } from "./database.js";
import { codeOf } from "./failure.js";

/** A data directory opens in its own major version of PostgreSQL only, so the name says which. */
const MAJOR = 18;
export const EMBEDDED_DIRECTORY = `store-pg${MAJOR}`;

/** A fresh store, packed by scripts/build-store-template.mjs: unpacking it takes a tenth of making one. Found from src/, too. */
export const TEMPLATE = fileURLToPath(new URL(`../../dist/store/template-pg${MAJOR}.tar.gz`, import.meta.url));

// The store is small: with 4 MB of buffers instead of 128 it opens in two thirds of the time and half the memory.
const SETTINGS = ["-c", "shared_buffers=4MB"];
// Segments of 1 MB instead of 16: a fresh store is 30 MB on the disk and stays near that.
const INITDB = ["--wal-segsize=1"];

// There is no autovacuum in the embedded PostgreSQL, and long values leave dead rows behind that only a vacuum gives back.
// A controller vacuums every hour; a short command as it leaves, where there is enough to be worth its 10 ms or more.
const VACUUM =
  "VACUUM trueup.target, trueup.event, trueup.lease, trueup.suspension, trueup.incident, trueup.outbox, trueup.thread";
const VACUUM_INTERVAL = 3_600_000;
const IS_LARGE = "SELECT pg_total_relation_size('trueup.target') > 8 * 1024 * 1024 AS is_large";

/**
 * The embedded PostgreSQL under `stateDirectory`, made where there is none. The caller holds the directory's lock: PGlite has
 * none, and two processes would overwrite each other's rows without a word. A query blocks the event loop while it runs.
 * It never calls fsync: whatever was committed survives a killed process, but not always a power failure.
 * @throws TrueupError STORE_FAILED where the directory is not a store that can be opened; it is left as it is
 */
export async function embeddedDatabase(
  stateDirectory: string,
  { template = TEMPLATE }: { template?: string | undefined } = {},
): Promise<Database> {
  const directory = join(stateDirectory, EMBEDDED_DIRECTORY);
  const name = `the embedded store ${directory}`;
  const [{ PGlite }, { createPgConfig }, pg] = await Promise.all([
    import("@electric-sql/pglite"),
    import("@electric-sql/pglite/node-postgres"),
    import("pg"),
  ]);
  const settings: PGliteOptions = { dataDir: directory, startParams: [...PGlite.defaultStartParams, ...SETTINGS] };
  const open = (options: PGliteOptions): Promise<PGlite> => start(PGlite, { ...settings, ...options }, name);
  const db = (await isMade(directory, name)) ? await open({}) : await make(directory, template, open);

  const pool = new pg.default.Pool(Object.assign(createPgConfig(db), { max: 1, idleTimeoutMillis: 0 }));
  pool.on("error", () => undefined);
  const vacuum = (): Promise<unknown> => withClient({ pool }, (client) => client.query(VACUUM));
  const timer = setInterval(() => void vacuum().catch(() => undefined), VACUUM_INTERVAL).unref();
  const close = async (): Promise<void> => {
    clearInterval(timer);
    await withClient({ pool }, async (client) => {
      const { rows } = await client.query<{ is_large: boolean }>(IS_LARGE);
      if (rows[0]?.is_large === true) await client.query(VACUUM);
      // It fails where the schema could not be made, and the error for that is on its way already.
    }).catch(() => undefined);
    await pool.end();
    await db.close();
  };
  return { pool, name, exclusive: true, close };
}

/** False where there is nothing yet, or only what a first start left that was killed before it could hold anything. */
async function isMade(directory: string, name: string): Promise<boolean> {
  if (existsSync(unfinished(directory))) {
    await rm(directory, { recursive: true, force: true });
    return false;
  }
  const entries = await readdir(directory).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return [];
    throw broken(name, error);
  });
  if (entries.length === 0) return false;
  // PGlite would make a new cluster over the old one here.
  const version = await readFile(join(directory, "PG_VERSION"), "utf8").catch(() => "");
  if (version.trim() !== String(MAJOR)) throw broken(name, new Error(`it has no PG_VERSION file that says ${MAJOR}`));
  return true;
}

/** A file beside the directory tells that it is not whole yet; it goes when the first start has come to its end. */
async function make(
  directory: string,
  template: string,
  open: (options: PGliteOptions) => Promise<PGlite>,
): Promise<PGlite> {
  await mkdir(dirname(directory), { recursive: true, mode: 0o700 });
  await writeFile(unfinished(directory), "The folder beside this file is being made.\n");
  const packed = await readFile(template).catch(() => undefined);
  const db = await open(
    packed === undefined ? { initDbStartParams: INITDB } : { loadDataDir: new Blob([await promisify(gunzip)(packed)]) },
  );
  await rm(unfinished(directory));
  return db;
}

function unfinished(directory: string): string {
  return `${directory}.unfinished`;
}

async function start(Constructor: typeof PGlite, options: PGliteOptions, name: string): Promise<PGlite> {
  // What the server writes to its log: of a failed start it is the only thing that says why.
  const log: string[] = [];
  const keep = (line: string): boolean => log.push(line) > 0;
  const db = new Constructor({ ...options, onStdout: keep, onStderr: keep });
  try {
    await db.waitReady;
    return db;
  } catch (error) {
    const fault = log.find((line) => /\b(PANIC|FATAL): /.test(line))?.replace(/^.*\b(PANIC|FATAL):\s*/, "");
    throw broken(name, fault === undefined ? error : new Error(fault, { cause: error }));
  }
}

function broken(name: string, cause: unknown): TrueupError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new TrueupError("STORE_FAILED", `${name} cannot be opened: ${why}`, {
    hint: "Move the folder away and start again: Trueup rebuilds what it held, and touches no target for its loss.",
    cause,
  });
}
