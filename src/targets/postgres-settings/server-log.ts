import type { ClientBase } from "pg";
import { isoOf, type SessionRow } from "../postgres/activity.js";

/** One statement that the server's log has. Its text never leaves this module's callers: it may hold a value. */
export interface Logged extends SessionRow {
  readonly statement: string;
  /** ISO 8601. */
  readonly at: string;
}

/** As much of the end of the log as is looked through, in bytes. */
const TAIL = 1_000_000;

const MAY = `
  SELECT current_setting('server_version_num')::int >= 150000
     AND has_function_privilege('pg_current_logfile(text)', 'EXECUTE')
     AND has_function_privilege('pg_stat_file(text)', 'EXECUTE')
     AND has_function_privilege('pg_read_binary_file(text, bigint, bigint)', 'EXECUTE') AS may`;

/** As bytes: the tail may begin within a character. */
const READ = `SELECT encode(pg_read_binary_file($1, greatest(0, (pg_stat_file($1)).size - $2), $2), 'base64') AS tail`;

/**
 * The statements with ALTER at the end of the server's log that did not fail, oldest first. Only of a log in JSON (PostgreSQL
 * 15 and later): the plain one has no fixed form. Empty where there is none, or the role may not read it.
 */
export async function loggedStatements(client: ClientBase): Promise<readonly Logged[]> {
  const { rows: rights } = await client.query<{ may: string }>(MAY);
  if (rights[0]?.may !== "t") return [];
  const { rows: files } = await client.query<{ file: string | null }>("SELECT pg_current_logfile('jsonlog') AS file");
  const file = files[0]?.file;
  if (file === null || file === undefined) return [];
  const { rows } = await client.query<{ tail: string }>(READ, [file, TAIL]);
  const records = Buffer.from(rows[0]?.tail ?? "", "base64")
    .toString("utf8")
    .split("\n")
    .flatMap(recordOf);
  const done = records.filter((record) => record.isError !== true && !hasFailed(record, records));
  const { rows: times } = await client.query<{ at: string }>(
    `SELECT ${isoOf("t::timestamptz")} AS at FROM unnest($1::text[]) WITH ORDINALITY AS u(t, n) ORDER BY n`,
    [done.map(({ timestamp }) => timestamp)],
  );
  return done.map(({ statement, role, application, address }, index) => {
    return { statement, role, application, address, at: times[index]?.at ?? "" };
  });
}

interface LogRecord extends SessionRow {
  readonly statement: string;
  readonly timestamp: string;
  readonly session: string;
  readonly line: number;
  readonly isError?: true;
}

const SAID = /^(?:duration: [\d.]+ ms {2})?(?:statement|execute [^:]*): ([^]*)$/;

function recordOf(line: string): LogRecord[] {
  // Most lines are of no interest, and the first one is seldom whole.
  if (!/\balter\b/i.test(line)) return [];
  let fields: Readonly<Record<string, unknown>>;
  try {
    fields = JSON.parse(line) as Readonly<Record<string, unknown>>;
  } catch {
    return [];
  }
  const text = (name: string): string => (typeof fields[name] === "string" ? fields[name] : "");
  const isError = ["ERROR", "FATAL", "PANIC"].includes(text("error_severity"));
  const statement = isError ? text("statement") : (SAID.exec(text("message"))?.[1] ?? "");
  if (statement === "") return [];
  return [
    {
      ...{ statement, timestamp: text("timestamp"), session: text("session_id"), line: Number(fields.line_num) },
      ...{ role: text("user"), application: text("application_name"), address: text("remote_host") },
      ...(isError ? { isError } : {}),
    },
  ];
}

/** A statement is logged before it is carried out; that it failed is a later line of the same session. */
function hasFailed(record: LogRecord, records: readonly LogRecord[]): boolean {
  const { session, statement, line } = record;
  const next = records.find((other) => other.session === session && other.statement === statement && other.line > line);
  return next?.isError === true;
}
