import type { ClientBase } from "pg";
import type { Attribution } from "../../core/attribution.js";
import { TrueupError } from "../../core/errors.js";
import { parsePointer, type Pointer } from "../../core/pointer.js";
import { isoOf, OURS, personOf, type SessionRow, suspect, wordPattern } from "../postgres/activity.js";
import { faultOf } from "../../lib/postgres/failure.js";
import { quoteIdentifier } from "../postgres/quote.js";
import type { Session } from "../postgres/session.js";
import { formatTableName, quoteTableName, type TableName } from "./name.js";
import { type PostgresTableSpec, scopeOf } from "./spec.js";
import { WRITER_TRIGGER, writersTable } from "./writer-setup.js";

export interface WriterQuestion {
  readonly session: Session;
  readonly table: TableName;
  readonly spec: PostgresTableSpec;
  /** When a row was last seen to be as it had been; undefined where it was never seen otherwise. */
  readonly seenUntil: (key: string) => Date | undefined;
}

/** How far the server's clock may be from ours. */
const SKEW_MS = 60_000;

/** Who wrote the rows of these settings last: by the trigger, else by the row's own columns, else by who is connected. */
export async function tableWriters(
  question: WriterQuestion,
  paths: readonly Pointer[],
  signal: AbortSignal,
): Promise<ReadonlyMap<Pointer, Attribution>> {
  const keys = [...new Set(paths.map((path) => parsePointer(path)[0] ?? ""))];
  const known: Writers = new Map();
  try {
    await question.session.read(async (client) => {
      for (const source of [byTrigger, byColumns, byActivity]) {
        const missing = keys.filter((key) => !known.has(key));
        if (missing.length === 0) return;
        const found = await source({ ...question, client, scope: scopeOf(question.spec) }, missing);
        for (const [key, writer] of found) known.set(key, writer);
      }
    }, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    throw describe(question, error);
  }
  return new Map(
    paths.flatMap((path) => {
      const writer = known.get(parsePointer(path)[0] ?? "");
      return writer === undefined ? [] : [[path, writer] as const];
    }),
  );
}

type Writers = Map<string, Attribution>;

interface Asking extends WriterQuestion {
  readonly client: ClientBase;
  readonly scope: ReturnType<typeof scopeOf>;
}

/** The server may quote what stands in a column: of its own words only those about names and rights are passed on. */
function describe({ session, table, spec }: WriterQuestion, error: unknown): TrueupError {
  const { code, message } = faultOf(error);
  if (code.startsWith("22") || code === "42703" || code === "42846") {
    const { by, at } = spec.writer ?? {};
    const what = code === "42703" ? message : `column "${at ?? by ?? ""}" does not hold times`;
    return new TrueupError("TARGET_INVALID", `table ${formatTableName(table)}: ${what}`, {
      hint: "correct the columns under the target's `writer`",
    });
  }
  const writers = quoteTableName(writersTable(table));
  const grant = `as the table's owner, run: GRANT SELECT ON ${writers} TO ${quoteIdentifier(session.address.user)};`;
  return session.failure(error, { otherwise: "TARGET_INVALID", grant });
}

const INSTALLED = `SELECT FROM pg_trigger WHERE tgrelid = to_regclass($1) AND tgname = $2 AND tgenabled IN ('O', 'A')`;

/** A record that does not fit what is there (a row that is back, or gone by TRUNCATE) is of another change. */
async function byTrigger({ client, table, spec, scope }: Asking, keys: readonly string[]): Promise<Writers> {
  const name = quoteTableName(table);
  const { rowCount } = await client.query(INSTALLED, [name, WRITER_TRIGGER]);
  if (rowCount !== 1) return new Map();
  const { rows } = await client.query<SessionRow & { key: string; at: string }>(
    `SELECT w.key, w.role, w.application, w.address, ${isoOf("w.at")} AS at FROM ${quoteTableName(writersTable(table))} w
     WHERE w.key = ANY ($1::text[]) AND w.scope = $2::jsonb AND NOT ${OURS}
       AND w.removed = NOT EXISTS (SELECT FROM ${name} t WHERE t.${quoteIdentifier(spec.key)} = w.key${inScope(scope, 3)})`,
    [keys, JSON.stringify(Object.fromEntries(scope)), ...scope.map(([, value]) => value)],
  );
  const how = "recorded by the table's trigger";
  return new Map(rows.map((row) => [row.key, { by: personOf(row), at: row.at, how, certainty: "certain" }]));
}

/**
 * Any writer may set the columns or forget to: a time before the row was last seen unchanged is of an earlier change. Without a
 * time, or a look to compare it with, nobody knows.
 */
async function byColumns(question: Asking, keys: readonly string[]): Promise<Writers> {
  const { client, table, spec, scope, seenUntil } = question;
  const { by, at } = spec.writer ?? {};
  if (by === undefined && at === undefined) return new Map();
  const column = (name: string | undefined) => (name === undefined ? "NULL" : `t.${quoteIdentifier(name)}`);
  const { rows } = await client.query<{ key: string; by: string | null; at: string | null }>(
    `SELECT t.${quoteIdentifier(spec.key)} AS key, ${column(by)}::text AS by, ${isoOf(`${column(at)}::timestamptz`)} AS at
     FROM ${quoteTableName(table)} t WHERE t.${quoteIdentifier(spec.key)} = ANY ($1::text[])${inScope(scope, 2)}`,
    [keys, ...scope.map(([, value]) => value)],
  );
  const how = [by, at].filter((name) => name !== undefined).join(" and ");
  return new Map(
    rows.flatMap(({ key, by: name, at: instant }): [string, Attribution][] => {
      const since = seenUntil(key);
      const isDated = instant !== null && since !== undefined;
      if (isDated && Date.parse(instant) < since.getTime() - SKEW_MS) return [];
      const said = { ...(name === null ? {} : { by: name }), ...(instant === null ? {} : { at: instant }) };
      const certainty = isDated ? "likely" : "possible";
      return [[key, { ...said, how: `column${how.includes(" and ") ? "s" : ""} ${how}`, certainty }]];
    }),
  );
}

const WRITES = "\\m(insert|update|delete|merge|copy|truncate)\\M";

async function byActivity({ client, table, seenUntil }: Asking, keys: readonly string[]): Promise<Writers> {
  const { rows } = await client.query<{ database: string }>("SELECT current_database() AS database");
  const found: Writers = new Map();
  const sessions = new Map<string, Promise<Attribution | undefined>>();
  for (const key of keys) {
    const until = seenUntil(key);
    const since = until === undefined ? undefined : new Date(until.getTime() - SKEW_MS);
    const asked = since?.toISOString() ?? "";
    const statement = `${WRITES}.*${wordPattern(table.table)}`;
    const database = rows[0]?.database ?? "";
    const session = sessions.get(asked) ?? suspect(client, { statement, database, since });
    sessions.set(asked, session);
    const writer = await session;
    if (writer !== undefined) found.set(key, writer);
  }
  return found;
}

function inScope(scope: Asking["scope"], offset: number): string {
  return scope.map(([column], index) => ` AND t.${quoteIdentifier(column)}::text = $${index + offset}`).join("");
}
