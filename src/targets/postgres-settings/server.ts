import { setTimeout as delay } from "node:timers/promises";
import type { ClientBase } from "pg";
import { TrueupError } from "../../core/errors.js";
import type { Value } from "../../core/value.js";
import { quoteIdentifier } from "../postgres/quote.js";
import { factsOf, type Facts } from "./facts.js";
import { liveValue, type Live } from "./live.js";

/** Not the server's but this session's: set for the role or database that we connect as, or by the driver. */
const SESSION_SOURCES = new Set(["client", "database", "database user", "user", "session", "interactive", "test"]);
const DEFAULT_SOURCES = new Set(["default", "override"]);
/** Fixed when a session begins: what this session shows may be as old as it is. */
const SESSION_START_CONTEXTS = new Set(["backend", "superuser-backend"]);

/**
 * The last line that sets a setting is the one that counts; of ALTER SYSTEM's own file all lines are read, so that settings
 * that git does not name are seen as well.
 */
const WITH_FILES = `
  WITH file AS (
    SELECT DISTINCT ON (lower(name)) name, setting, sourcefile ~ '[/\\\\]postgresql\\.auto\\.conf$' AS auto
    FROM pg_file_settings WHERE name IS NOT NULL ORDER BY lower(name), seqno DESC)
  SELECT coalesce(s.name, f.name) AS name, s.setting, s.source, s.context, s.pending_restart AS pending, f.setting AS configured
  FROM pg_settings s FULL JOIN file f ON lower(s.name) = lower(f.name)
  WHERE s.name = ANY ($1::text[]) OR f.name = ANY ($1::text[]) OR f.auto`;
const WITHOUT_FILES = `
  SELECT name, setting, source, context, pending_restart AS pending, NULL AS configured
  FROM pg_settings WHERE name = ANY ($1::text[])`;
const RIGHTS = `
  SELECT has_table_privilege('pg_file_settings', 'SELECT')
     AND has_function_privilege('pg_show_all_file_settings()', 'EXECUTE') AS files`;

interface Row {
  readonly name: string;
  /** What holds in this session, in base units; null for a setting that is only written in a file so far. */
  readonly setting: string | null;
  readonly source: string | null;
  readonly context: string | null;
  readonly pending: string | null;
  readonly configured: string | null;
}

const rights = new WeakMap<ClientBase, boolean>();

async function mayReadFiles(client: ClientBase): Promise<boolean> {
  const known = rights.get(client);
  if (known !== undefined) return known;
  const { rows } = await client.query<{ files: string }>(RIGHTS);
  const files = rows[0]?.files === "t";
  rights.set(client, files);
  return files;
}

/**
 * The server's settings by one query. A setting that is nowhere set, so that the built-in default holds, is absent. One that
 * waits for a restart is reported as it is configured. @throws PERMISSION_DENIED where only the files could tell
 */
export async function readServer(
  client: ClientBase,
  names: readonly string[],
  role: string,
): Promise<Live & { facts: Facts }> {
  const files = await mayReadFiles(client);
  const { rows } = await client.query<Row>(files ? WITH_FILES : WITHOUT_FILES, [names]);
  const known = await factsOf(client);
  const fresh = rows.some(({ name, setting }) => setting !== null && !known.has(name));
  const facts = fresh ? await factsOf(client, { fresh }) : known;
  const values = new Map<string, Value>();
  const pending = new Set<string>();
  for (const row of rows) {
    if (row.pending === "t") pending.add(row.name);
    const text = inForce(row, { files, role });
    if (text !== null) values.set(row.name, liveValue(facts, row.name, text));
  }
  return { values, pending, facts };
}

/** The text of the setting as it holds for the server, null where nobody has set it. */
function inForce(row: Row, { files, role }: { files: boolean; role: string }): string | null {
  const { name, setting, source, context, pending, configured } = row;
  // While archive_mode is off the server shows this word in place of the command.
  const masked = name === "archive_command" && setting === "(disabled)";
  const fromFiles =
    pending === "t" ||
    setting === null ||
    masked ||
    SESSION_SOURCES.has(source ?? "") ||
    (files && SESSION_START_CONTEXTS.has(context ?? ""));
  if (!fromFiles) return DEFAULT_SOURCES.has(source ?? "") ? null : setting;
  if (files) return configured;
  const why =
    pending === "t"
      ? "waits for a restart"
      : masked
        ? "is not shown while archive_mode is off"
        : "is overridden for the role or database of this connection";
  throw new TrueupError("PERMISSION_DENIED", `${name} ${why}, and the role may not see what the server's files say`, {
    hint: `as a superuser, run: GRANT SELECT ON pg_file_settings TO ${quoteIdentifier(role)}; GRANT EXECUTE ON FUNCTION pg_show_all_file_settings() TO ${quoteIdentifier(role)};`,
  });
}

const RELOAD_DEADLINE_MS = 10_000;

/** @throws PERMISSION_DENIED before anything is written that could not be made to hold */
export async function requireReload(client: ClientBase, role: string): Promise<void> {
  const { rows } = await client.query<{ may: string }>(
    "SELECT has_function_privilege('pg_reload_conf()', 'EXECUTE') AS may",
  );
  if (rows[0]?.may === "t") return;
  throw new TrueupError("PERMISSION_DENIED", `role ${role} may not reload the server's configuration`, {
    hint: `as a superuser, run: GRANT EXECUTE ON FUNCTION pg_reload_conf() TO ${quoteIdentifier(role)};`,
  });
}

/** Asks the server to read its files and waits until this session has done so. @throws TARGET_TIMEOUT with the file at fault */
export async function reload(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ before: string }>(
    "SELECT pg_conf_load_time()::text AS before, pg_reload_conf()",
  );
  const before = rows[0]?.before;
  for (const deadline = Date.now() + RELOAD_DEADLINE_MS; Date.now() < deadline;) {
    const { rows: now } = await client.query<{ at: string }>("SELECT pg_conf_load_time()::text AS at");
    if (now[0]?.at !== before) return;
    await delay(5);
  }
  throw new TrueupError("TARGET_TIMEOUT", `the server did not read its configuration anew${await fileFault(client)}`, {
    hint: "correct the file; see the server's log. What is written already holds from the next reload on",
  });
}

async function fileFault(client: ClientBase): Promise<string> {
  if (!(await mayReadFiles(client))) return "";
  const { rows } = await client.query<{ file: string; line: string; error: string }>(
    `SELECT sourcefile AS file, sourceline AS line, error FROM pg_file_settings
     WHERE error IS NOT NULL AND error <> 'setting could not be applied' LIMIT 1`,
  );
  const fault = rows[0];
  return fault === undefined ? "" : `: ${fault.error} (${fault.file}:${fault.line})`;
}
