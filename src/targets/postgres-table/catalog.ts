import type { ClientBase } from "pg";
import { quoteIdentifier } from "../postgres/quote.js";
import { TrueupError } from "../../core/errors.js";
import { suggestion } from "../../lib/suggest.js";
import { formatTableName, quoteTableName, type TableName } from "./name.js";

/** What a target needs of its table, checked once and again after any failure. */
export interface TableFacts {
  /** SQL types by column, as `format_type` writes them. */
  readonly types: ReadonlyMap<string, string>;
}

export interface TableShape {
  readonly name: TableName;
  readonly key: string;
  readonly value: string;
  readonly where: readonly string[];
}

const FACTS = `
  SELECT c.relkind AS kind,
    (SELECT json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
        'base', coalesce(nullif(t.typbasetype, 0), t.oid)::int)) FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
    (SELECT json_agg((SELECT json_agg(a.attname) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])))
      FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
        AND i.indpred IS NULL AND i.indexprs IS NULL) AS keys
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2`;

const NEIGHBOURS = `SELECT n.nspname AS schema, c.relname AS table FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^(pg_|information_schema$)' ORDER BY 1, 2 LIMIT 500`;

/** The key is compared as text and with an index: other types would be one cast away from neither. */
const KEY_TYPES = new Set([25, 1043]);

/** @throws TARGET_INVALID where the table, a column or the key's uniqueness is missing */
export async function readFacts(client: ClientBase, shape: TableShape): Promise<TableFacts> {
  const { name, key, value, where } = shape;
  const { rows } = await client.query<Record<string, string>>(FACTS, [name.schema, name.table]);
  const row = rows[0];
  if (row === undefined) throw await missing(client, shape);
  if (row.kind !== "r" && row.kind !== "p") {
    throw new TrueupError("TARGET_INVALID", `${formatTableName(name)} is a view or a foreign table, not a table`, {
      hint: "name the table itself: compare-and-set needs row locks and a unique key",
    });
  }
  const columns = JSON.parse(row.columns ?? "[]") as { name: string; type: string; base: number }[];
  const names = columns.map((column) => column.name);
  for (const column of [key, value, ...where]) {
    if (names.includes(column)) continue;
    throw new TrueupError("TARGET_INVALID", `table ${formatTableName(name)} has no column "${column}"`, {
      hint: `say which columns to use under the target's \`key\`, \`value\` and \`where\`; ${suggestion(column, names)}`,
    });
  }
  const keyColumn = columns.find((column) => column.name === key);
  if (keyColumn !== undefined && !KEY_TYPES.has(keyColumn.base)) {
    throw new TrueupError("TARGET_INVALID", `the key column "${key}" is ${keyColumn.type}, not text`, {
      hint: "name a column of type text or varchar as the target's `key`",
    });
  }
  const unique = (JSON.parse(row.keys ?? "[]") as string[][]).some(
    (index) => index.includes(key) && index.every((column) => column === key || where.includes(column)),
  );
  if (!unique) throw notUnique(shape);
  return { types: new Map(columns.map((column) => [column.name, column.type])) };
}

async function missing(client: ClientBase, { name, key, value }: TableShape): Promise<TrueupError> {
  const { rows } = await client.query<{ schema: string; table: string }>(NEIGHBOURS);
  const known = rows.map(formatTableName);
  const near = suggestion(formatTableName(name), known);
  const columns = `${quoteIdentifier(key)} text PRIMARY KEY, ${quoteIdentifier(value)} jsonb NOT NULL`;
  return new TrueupError("TARGET_INVALID", `table ${formatTableName(name)} does not exist`, {
    hint: near.startsWith("did you mean") ? near : `CREATE TABLE ${quoteTableName(name)} (${columns});`,
  });
}

function notUnique({ name, key, where }: TableShape): TrueupError {
  const columns = [...where, key].map(quoteIdentifier).join(", ");
  return new TrueupError("TARGET_INVALID", `the key "${key}" of table ${formatTableName(name)} is not unique`, {
    hint: `two rows could have one name; run: CREATE UNIQUE INDEX ON ${quoteTableName(name)} (${columns});`,
  });
}
