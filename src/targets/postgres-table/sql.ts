import type { QueryConfig } from "pg";
import type { TableFacts } from "./catalog.js";
import { quoteIdentifier } from "../postgres/quote.js";
import { quoteTableName, type TableName } from "./name.js";

export interface SqlShape {
  readonly name: TableName;
  readonly key: string;
  readonly value: string;
  readonly scope: readonly (readonly [column: string, value: string])[];
}

/** More rows than any configuration has: the wrong table, or a `where` that is missing. */
export const MAX_ROWS = 100_000;

/** The statements of one table. Every value is a parameter; names are quoted. */
export interface TableSql {
  readonly observe: QueryConfig;
  select(keys: readonly string[], options: { lock: boolean }): QueryConfig;
  insert(rows: readonly Row[]): QueryConfig;
  update(rows: readonly Row[]): QueryConfig;
  remove(keys: readonly string[]): QueryConfig;
}

interface Row {
  readonly key: string;
  readonly text: string | null;
}

export function tableSql(shape: SqlShape, facts: TableFacts): TableSql {
  const table = quoteTableName(shape.name);
  const key = quoteIdentifier(shape.key);
  const value = quoteIdentifier(shape.value);
  const typeOf = (column: string) => facts.types.get(column) ?? "text";
  const valueType = typeOf(shape.value);
  const scopeValues = shape.scope.map(([, text]) => text);
  const typed = (offset: number) => shape.scope.map(([column], index) => `$${index + offset}::${typeOf(column)}`);
  const scoped = (offset: number) =>
    shape.scope.map(([column], index) => `t.${quoteIdentifier(column)} = ${typed(offset)[index] ?? ""}`);
  const and = (conditions: readonly string[]) => (conditions.length === 0 ? "" : ` AND ${conditions.join(" AND ")}`);
  const columns = [key, value, ...shape.scope.map(([column]) => quoteIdentifier(column))].join(", ");
  const lists = (rows: readonly Row[]) => [rows.map((row) => row.key), rows.map((row) => row.text), ...scopeValues];

  return {
    observe: {
      text: `SELECT t.${key}, t.${value} FROM ${table} t WHERE true${and(scoped(1))} LIMIT ${MAX_ROWS + 1}`,
      values: [...scopeValues],
    },
    // In the order of the keys, so that two writers do not wait for each other's locks crosswise.
    select: (keys, { lock }) => ({
      text: `SELECT t.${key}, t.${value} FROM ${table} t WHERE t.${key} = ANY ($1::text[])${and(scoped(2))}
        ORDER BY t.${key}${lock ? " FOR UPDATE" : ""}`,
      values: [keys, ...scopeValues],
    }),
    insert: (rows) => ({
      text: `INSERT INTO ${table} AS t (${columns})
        SELECT ${["r.key", `r.value::${valueType}`, ...typed(3)].join(", ")}
        FROM unnest($1::text[], $2::text[]) AS r(key, value) ON CONFLICT DO NOTHING RETURNING t.${key} AS key`,
      values: lists(rows),
    }),
    update: (rows) => ({
      text: `UPDATE ${table} AS t SET ${value} = r.value::${valueType}
        FROM unnest($1::text[], $2::text[]) AS r(key, value) WHERE t.${key} = r.key${and(scoped(3))}`,
      values: lists(rows),
    }),
    remove: (keys) => ({
      text: `DELETE FROM ${table} AS t WHERE t.${key} = ANY ($1::text[])${and(scoped(2))}`,
      values: [keys, ...scopeValues],
    }),
  };
}
