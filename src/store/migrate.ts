import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import type { PoolClient } from "pg";
import { TrueupError } from "../core/errors.js";
import { withClient, type Database } from "./database.js";
import { codeOf } from "./failure.js";

/** One numbered file of ./migrations. It is never changed once it was released: the checksum would tell. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

const OLDEST_SERVER = 14;
const NOT_YET = ["42P01", "3F000"]; // no such table, no such schema
// Any constant of our own; the key space is shared with the other applications of the database.
const LOCK = `SELECT pg_advisory_xact_lock(hashtextextended('trueup.migration', 0))`;
const APPLIED = `SELECT version, checksum FROM trueup.migration`;
// A store that only we can have open holds no lease and no claim of a living process: sweeping them costs no second query.
const SWEEP_AND_APPLIED = `
  WITH void AS (DELETE FROM trueup.lease),
    free AS (UPDATE trueup.outbox SET claimed_by = NULL, claimed_until = NULL WHERE claimed_by IS NOT NULL)
  ${APPLIED}`;

export async function loadMigrations(
  directory: URL = new URL("./migrations/", import.meta.url),
): Promise<readonly Migration[]> {
  const names = (await readdir(directory)).filter((name) => /^\d{4}_.+\.sql$/.test(name)).sort();
  return Promise.all(
    names.map(async (name) => ({
      version: Number(name.slice(0, 4)),
      name,
      // A checkout with CRLF line ends must not count as another migration.
      sql: (await readFile(new URL(name, directory), "utf8")).replaceAll("\r\n", "\n"),
    })),
  );
}

/**
 * Brings the schema up to date: one query where it is. What is missing is applied in one transaction, which others that open
 * the store at the same moment wait for.
 * @throws TrueupError STORE_TOO_NEW, STORE_FAILED where a migration was changed; the database's own errors
 */
export async function migrate(database: Database, migrations: readonly Migration[]): Promise<void> {
  const read = database.exclusive ? SWEEP_AND_APPLIED : APPLIED;
  const found = await withClient(database, (client) => client.query<Applied>(read)).then(
    ({ rows }) => rows,
    (error: unknown) => {
      if (NOT_YET.includes(codeOf(error))) return [];
      throw error;
    },
  );
  if (missing(migrations, found, database.name).length === 0) return;

  await withClient(database, async (client) => {
    await client.query("BEGIN");
    try {
      await client.query(LOCK);
      await prepare(client, database.name);
      const { rows } = await client.query<Applied>(APPLIED);
      for (const migration of missing(migrations, rows, database.name)) await apply(client, migration);
      await client.query("COMMIT");
    } catch (error) {
      // It fails only where the connection is broken, and the server has rolled back by itself.
      await client.query("ROLLBACK").catch(() => undefined);
      throw error;
    }
  });
}

interface Applied {
  readonly version: number;
  readonly checksum: string;
}

function missing(known: readonly Migration[], applied: readonly Applied[], store: string): readonly Migration[] {
  const newest = known.at(-1)?.version ?? 0;
  for (const { version, checksum: was } of applied) {
    if (version > newest) {
      throw new TrueupError("STORE_TOO_NEW", `${store} is of version ${version}; this Trueup knows up to ${newest}`, {
        hint: "Use the Trueup that wrote it, or a newer one; or give this one a store of its own.",
      });
    }
    const migration = known.find((one) => one.version === version);
    if (migration !== undefined && checksum(migration) !== was) {
      throw new TrueupError("STORE_FAILED", `${store} was made by another ${migration.name} than this Trueup has`, {
        hint: "It was made by an unreleased version. Drop its schema `trueup`; Trueup rebuilds what it held.",
      });
    }
  }
  return known.filter(({ version }) => !applied.some((one) => one.version === version));
}

async function prepare(client: PoolClient, store: string): Promise<void> {
  const { rows } = await client.query<{ version: number; exists: boolean }>(
    `SELECT current_setting('server_version_num')::int / 10000 AS version,
            to_regnamespace('trueup') IS NOT NULL AS exists`,
  );
  const [row] = rows;
  if (row !== undefined && row.version < OLDEST_SERVER) {
    throw new TrueupError("STORE_FAILED", `${store} is a PostgreSQL ${row.version}`, {
      hint: `Use PostgreSQL ${OLDEST_SERVER} or newer.`,
    });
  }
  // IF NOT EXISTS asks for the right to create a schema even where it exists and a role that may not shall use it.
  if (row?.exists !== true) await client.query("CREATE SCHEMA trueup");
  await client.query(`
    CREATE TABLE IF NOT EXISTS trueup.migration (
      version    int PRIMARY KEY,
      name       text NOT NULL,
      checksum   text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now()
    )`);
}

async function apply(client: PoolClient, migration: Migration): Promise<void> {
  await client.query(migration.sql);
  await client.query("INSERT INTO trueup.migration (version, name, checksum) VALUES ($1, $2, $3)", [
    migration.version,
    migration.name,
    checksum(migration),
  ]);
}

function checksum({ sql }: Migration): string {
  return createHash("sha256").update(sql).digest("hex");
}
