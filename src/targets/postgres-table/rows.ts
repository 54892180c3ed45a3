import type { ClientBase } from "pg";
import { applyChanges, type Application } from "../../core/apply.js";
import type { Change, ListRules, Outcome } from "../../core/change.js";
import { TrueupError } from "../../core/errors.js";
import { parsePointer } from "../../core/pointer.js";
import { equal, mapOf, member, type Document, type Value } from "../../core/value.js";
import { json } from "../../formats/json.js";
import { codecOf, decode, encode, type Codec } from "./column.js";
import type { TableSql } from "./sql.js";

/** One row to write: as it shall be, null for SQL NULL, undefined for its removal. `exists` is what the lock showed. */
interface RowWrite {
  readonly key: string;
  readonly exists: boolean;
  readonly text: string | null | undefined;
}

/** Thrown to roll the transaction back: the outcomes say why. */
export class Rejected extends Error {
  readonly outcomes: readonly Outcome[];
  constructor(outcomes: readonly Outcome[]) {
    super("rows were rejected");
    this.outcomes = outcomes;
  }
}

export interface Work {
  readonly client: ClientBase;
  readonly sql: TableSql;
  readonly changes: readonly Change[];
  readonly lists: ListRules;
  /** The error to report for what the server said to one row. */
  readonly describe: (error: unknown) => TrueupError;
  /** Whether the error is about a row rather than about the connection, a lock or a right. */
  readonly isRowFault: (error: unknown) => boolean;
}

/**
 * Carries the changes out inside the caller's transaction: locks the rows, compares, writes what did not move in at most
 * three statements, and compares what the server made of it. @throws Rejected where the server refused a row: all or nothing
 */
export async function writeRows(work: Work): Promise<readonly Outcome[]> {
  const keys = [...new Set(work.changes.map(rowOf))];
  const before = await select(work, keys, { lock: true });
  const application = applyChanges(before.document, work.changes, work.lists);
  const writes = rowWrites(application, before);
  if (writes.length === 0) return conclude(work, application, { document: before.document, beaten: new Set() });
  const beaten = await writeOrReject(work, writes);
  const after = await select(work, keys, { lock: false });
  return conclude(work, application, { document: after.document, beaten });
}

interface Rows {
  readonly codec: Codec;
  readonly texts: ReadonlyMap<string, string | null>;
  readonly document: Document;
}

async function select(work: Work, keys: readonly string[], options: { lock: boolean }): Promise<Rows> {
  const { rows, fields } = await work.client.query<[string, string | null]>({
    ...work.sql.select(keys, options),
    rowMode: "array",
  });
  const codec = codecOf(fields[1]?.dataTypeID);
  const document = mapOf(rows.map(([key, text]) => [key, decode(codec, key, text)] as const));
  return { codec, texts: new Map(rows), document };
}

function rowWrites({ document, edits }: Application, before: Rows): readonly RowWrite[] {
  const keys = [...new Set(edits.flatMap(({ path }) => path[0] ?? []))];
  return keys.map((key) => {
    const value = member(document, key);
    const old = before.texts.get(key);
    const exists = before.texts.has(key);
    if (value === undefined) return { key, exists, text: undefined };
    const inner = edits.filter(({ path }) => path[0] === key);
    const whole = typeof old !== "string" || inner.some(({ path }) => path.length === 1);
    return { key, exists, text: whole ? encode(before.codec, value) : edited(old, inner, { key, value, before }) };
  });
}

/**
 * The row's own text with the edits made in it: its other members keep their digits, spaces and order, which a tree of
 * doubles would not. A text with duplicate keys cannot be edited and is written anew.
 */
function edited(
  text: string,
  edits: Application["edits"],
  row: { key: string; value: Value; before: Rows },
): string | null {
  try {
    const inner = edits.map(({ path, value }) => ({ path: path.slice(1), value }));
    return json.edit(text, inner, { file: row.key });
  } catch {
    return encode(row.before.codec, row.value);
  }
}

/**
 * Writes all rows at once; where the server refuses, one after the other to learn which ones it refuses, and undoes all.
 * Tells which new rows another session was faster with.
 */
async function writeOrReject(work: Work, writes: readonly RowWrite[]): Promise<ReadonlySet<string>> {
  const { client } = work;
  await client.query("SAVEPOINT trueup");
  try {
    return await writeAll(work, writes);
  } catch (error) {
    if (!work.isRowFault(error)) throw error;
    await client.query("ROLLBACK TO SAVEPOINT trueup");
    const faults = new Map<string, unknown>();
    for (const write of writes) {
      await client.query("SAVEPOINT trueup_row");
      try {
        await writeAll(work, [write]);
      } catch (fault) {
        if (!work.isRowFault(fault)) throw fault;
        faults.set(write.key, fault);
        await client.query("ROLLBACK TO SAVEPOINT trueup_row");
      }
    }
    throw new Rejected(rejected(work, faults, error));
  }
}

function rejected(work: Work, faults: ReadonlyMap<string, unknown>, first: unknown): readonly Outcome[] {
  return work.changes.map((change) => {
    const fault = faults.size === 0 ? first : faults.get(rowOf(change));
    const error =
      fault === undefined
        ? new TrueupError("WRITE_FAILED", "not written: the server rejected another change of the same transaction", {
            hint: "a table is written whole or not at all; correct the other change",
          })
        : work.describe(fault);
    return { path: change.path, result: "failed", error };
  });
}

async function writeAll({ client, sql }: Work, writes: readonly RowWrite[]): Promise<ReadonlySet<string>> {
  const removed = writes.filter(({ text }) => text === undefined).map(({ key }) => key);
  const kept = writes.flatMap(({ key, exists, text }) => (text === undefined ? [] : [{ key, exists, text }]));
  const updated = kept.filter(({ exists }) => exists);
  const created = kept.filter(({ exists }) => !exists);
  if (removed.length > 0) await client.query(sql.remove(removed));
  if (updated.length > 0) await client.query(sql.update(updated));
  if (created.length === 0) return new Set();
  const { rows } = await client.query<{ key: string }>(sql.insert(created));
  const inserted = new Set(rows.map(({ key }) => key));
  return new Set(created.flatMap(({ key }) => (inserted.has(key) ? [] : [key])));
}

interface After {
  readonly document: Document;
  readonly beaten: ReadonlySet<string>;
}

/** What became of each change, by what the table now holds. */
function conclude(work: Work, application: Application, after: After): readonly Outcome[] {
  const unlike = application.steps.flatMap((step) => {
    const key = rowOf(step.change);
    return "moved" in step || equal(member(after.document, key), member(application.document, key))
      ? []
      : [step.change];
  });
  const asked = unlike.map(({ path, desired }) => ({ path, expected: desired, desired }));
  const found = new Map(applyChanges(after.document, asked, work.lists).steps.map((step) => [step.change.path, step]));
  return application.steps.map((step): Outcome => {
    const { path } = step.change;
    if ("moved" in step) return { path, result: "moved", live: step.live };
    const now = found.get(path);
    if (now === undefined || !("moved" in now)) return { path, result: "applied" };
    if (now.live === undefined) return { path, result: "failed", error: notTaken(rowOf(step.change)) };
    return { path, result: after.beaten.has(rowOf(step.change)) ? "moved" : "unreachable", live: now.live };
  });
}

function notTaken(key: string): TrueupError {
  return new TrueupError("WRITE_FAILED", `the server took the write of row "${key}" and holds no such row`, {
    hint: "the key is used by a row outside the target's `where`, or a trigger or policy discards the row",
  });
}

function rowOf(change: Change): string {
  return parsePointer(change.path)[0] ?? "";
}
