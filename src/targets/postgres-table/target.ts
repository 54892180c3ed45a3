import type { Change, Observation, Outcome } from "../../core/change.js";
import { quoteIdentifier } from "../postgres/quote.js";
import { TrueupError } from "../../core/errors.js";
import { emptyMap, isList, isMap, type Document, type Value } from "../../core/value.js";
import { oncePer } from "../../lib/once-per.js";
import type { PostgresConnection } from "../../lib/postgres/connection.js";
import { faultOf, isConnectionLost } from "../../lib/postgres/failure.js";
import { openSession, type Session } from "../postgres/session.js";
import type { OpenOptions, Target } from "../target.js";
import { readFacts, type TableFacts } from "./catalog.js";
import { codecOf, decode, normalizeRows, type Codec } from "./column.js";
import { formatTableName, quoteTableName, type TableName } from "./name.js";
import { mayWriteTable } from "./rights.js";
import { Rejected, writeRows } from "./rows.js";
import { scopeOf, tableOf, type PostgresTableSpec } from "./spec.js";
import { MAX_ROWS, tableSql, type SqlShape } from "./sql.js";
import { watchTable } from "./watch.js";
import { tableWriters } from "./writers.js";

export async function openTable(options: OpenOptions<PostgresTableSpec, PostgresConnection>): Promise<Target> {
  const { spec, lists } = options;
  const table = tableOf(spec);
  const session = await openSession(options.connection);
  const shape: SqlShape = { name: table, key: spec.key, value: spec.value, scope: scopeOf(spec) };
  const where = shape.scope.map(([column]) => column);
  let facts: TableFacts | undefined;
  // What a first observation learns; until then a document is normalised as for jsonb, which most tables have.
  let codec: Codec = "json";
  const normalized: Record<Codec, (document: Document) => Document> = {
    json: oncePer((document) => normalizeRows("json", document)),
    text: oncePer((document) => normalizeRows("text", document)),
  };
  let held: ReadonlyMap<string, HeldRow> = new Map();
  let lookedAt: Date | undefined;
  // By row that was seen to move: when it was last seen as it had been.
  const seenUntil = new Map<string, Date>();

  const statements = async (client: Parameters<typeof readFacts>[0]) =>
    tableSql(shape, (facts ??= await readFacts(client, { ...shape, where })));
  const attempt = async <T>(work: () => Promise<T>, signal: AbortSignal, changes: readonly Change[]): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted || error instanceof Rejected) throw error;
      facts = undefined;
      throw describe({ session, table }, error, changes);
    }
  };

  const observe = async (signal: AbortSignal): Promise<Observation> => {
    const begun = new Date();
    const { rows, fields } = await session.read(async (client) => {
      const { observe } = await statements(client);
      return client.query<[string | null, string | null]>({ ...observe, rowMode: "array" });
    }, signal);
    if (rows.length > MAX_ROWS) {
      throw new TrueupError("DOCUMENT_TOO_LARGE", `table ${formatTableName(table)} has more than ${MAX_ROWS} rows`, {
        hint: "narrow the target with `where`, or name the table that holds the configuration",
      });
    }
    const found = codecOf(fields[1]?.dataTypeID);
    const before = found === codec ? held : new Map<string, HeldRow>();
    const now = new Map<string, HeldRow>();
    const document = emptyMap();
    const moved: string[] = [];
    for (const [key, text] of rows) {
      // A row without a key (a nullable unique column) has no name that a document could give it.
      if (key === null) continue;
      const known = before.get(key);
      // Most rows are as they were: they need no parsing, and are seen to be equal without being walked.
      const row = known?.text === text ? known : { text, value: decode(found, key, text) };
      if (row !== known) moved.push(key);
      now.set(key, row);
      document[key] = row.value;
    }
    for (const key of held.keys()) if (!now.has(key)) moved.push(key);
    if (lookedAt !== undefined) for (const key of moved) seenUntil.set(key, lookedAt);
    lookedAt = begun;
    codec = found;
    held = now;
    return { document };
  };

  const apply = async (changes: readonly Change[], signal: AbortSignal): Promise<readonly Outcome[]> => {
    if (changes.length === 0) return [];
    try {
      return await session.transaction(async (client) => {
        const sql = await statements(client);
        const report = (error: unknown) => describe({ session, table }, error, changes);
        return writeRows({ client, sql, changes, lists, describe: report, isRowFault });
      }, signal);
    } catch (error) {
      if (error instanceof Rejected) return error.outcomes;
      throw error;
    }
  };

  return {
    capabilities: { prune: true, watch: true, atomic: true },
    normalize: (document) => normalized[codec](document),
    observe: (_managed, signal) => attempt(() => observe(signal), signal, []),
    apply: (changes, signal) => attempt(() => apply(changes, signal), signal, changes),
    watch: (moved, signal) => watchTable({ session, table, moved }, signal),
    lastWriters: (paths, signal) =>
      tableWriters({ session, table, spec, seenUntil: (key) => seenUntil.get(key) }, paths, signal),
    mayWrite: (_managed, signal) =>
      attempt(() => session.read((client) => mayWriteTable(client, table, session.address.user), signal), signal, []),
    close: () => session.close(),
  };
}

/** A row as it was last read. */
interface HeldRow {
  readonly text: string | null;
  readonly value: Value;
}

/** Not about a row: the way, a lock, a time-out, a deadlock, a missing right, a full disk, or an error of our own. */
function isRowFault(error: unknown): boolean {
  const { code } = faultOf(error);
  return !(error instanceof TrueupError) && !isConnectionLost(error) && !/^(40|42|53|55|57|25|0A)/.test(code);
}

interface Subject {
  readonly session: Session;
  readonly table: TableName;
}

function describe({ session, table }: Subject, error: unknown, changes: readonly Change[]): TrueupError {
  const { code, message } = faultOf(error);
  if (code === "42P01" || code === "42703" || code === "0A000") {
    return new TrueupError("TARGET_INVALID", `table ${formatTableName(table)} was changed: ${message}`, {
      hint: "it is looked at anew with the next attempt",
    });
  }
  const role = quoteIdentifier(session.address.user);
  const grant = `as the table's owner, run: GRANT USAGE ON SCHEMA ${quoteIdentifier(table.schema)} TO ${role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ${quoteTableName(table)} TO ${role};`.replace("\n", " ");
  const values = changes.flatMap(({ expected, desired }) => [...texts(expected), ...texts(desired)]);
  return session.failure(error, { otherwise: "WRITE_FAILED", grant, values });
}

/** The scalars of a value as texts: what the server may quote of it. */
function texts(value: Value | undefined): readonly string[] {
  if (value === undefined || value === null) return [];
  if (isList(value)) return value.flatMap(texts);
  if (isMap(value)) return Object.values(value).flatMap(texts);
  return typeof value === "object" ? [value.text] : [String(value)];
}
