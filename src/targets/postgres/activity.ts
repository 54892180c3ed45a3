import type { ClientBase } from "pg";
import type { Attribution } from "../../core/attribution.js";

/** An instant as ISO 8601 in UTC, of an SQL expression of type timestamptz. */
export function isoOf(expression: string): string {
  return `to_char((${expression}) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}

/** Who wrote, as a session tells it of itself. */
export interface SessionRow {
  readonly role: string | null;
  readonly application: string | null;
  readonly address: string | null;
}

/** `alice (psql, 10.0.0.7)`: the role is the server's word, the application the client's own. */
export function personOf({ role, application, address }: SessionRow): string {
  const about = [application, address].filter((part) => part !== null && part !== "");
  return about.length === 0 ? (role ?? "") : `${role ?? ""} (${about.join(", ")})`;
}

/**
 * Whether the session that asks is the one that wrote. Applications may share Trueup's role, but hardly its name as well.
 * `w` has the columns `role` and `application`.
 */
export const OURS = "(w.role = session_user AND w.application = current_setting('application_name'))";

/**
 * Sessions whose last statement could have done it. The statement is looked at by the server alone: it may hold values. Without
 * the right to see every session's statement the list would have gaps, and name the wrong one.
 */
const SESSIONS = `
  SELECT * FROM (
    SELECT usename AS role, application_name AS application, host(client_addr) AS address, ${isoOf("query_start")} AS at
    FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND query ~* $1
      AND ($2::text IS NULL OR datname = $2) AND ($3::timestamptz IS NULL OR query_start >= $3::timestamptz)
      AND pg_has_role('pg_read_all_stats', 'USAGE')) w
  WHERE NOT ${OURS} ORDER BY at DESC`;

export interface Suspicion {
  /** A regular expression of PostgreSQL's that the statement matches. */
  readonly statement: string;
  /** Undefined: in whichever database. */
  readonly database?: string;
  /** Statements before it are not meant. */
  readonly since?: Date | undefined;
}

/** The one session that could have done it; undefined where several could, or none. */
export async function suspect(client: ClientBase, suspicion: Suspicion): Promise<Attribution | undefined> {
  const { statement, database = null, since } = suspicion;
  const { rows } = await client.query<SessionRow & { at: string }>(SESSIONS, [
    ...[statement, database, since?.toISOString() ?? null],
  ]);
  const [latest] = rows;
  if (latest === undefined || new Set(rows.map(personOf)).size > 1) return undefined;
  return { by: personOf(latest), at: latest.at, how: "pg_stat_activity", certainty: "possible" };
}

/** A text as a regular expression of PostgreSQL's that matches just it, as a word of its own. */
export function wordPattern(text: string): string {
  return `(^|\\W)${text.replaceAll(/[!-/:-@[-^`{-~]/g, "\\$&")}(\\W|$)`;
}
