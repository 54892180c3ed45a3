import { z } from "zod";
import { TrueupError } from "../../core/errors.js";
import { isList, isMap, type Value } from "../../core/value.js";
import { suggestion } from "../../lib/suggest.js";
import { addressOf, type PostgresConnection } from "../../lib/postgres/connection.js";
import type { AdmitRequest, Claim } from "../target.js";
import { formatTableName, isSystemTable, parseTableName, type TableName } from "./name.js";

/** What environment.yaml may say of a settings table. */
export const postgresTableSpec = z
  .strictObject({
    /** `settings` or `app.settings`. */
    table: z.string().refine((text) => parseTableName(text) !== undefined, {
      message: 'expected a table\'s name: settings, app.settings or "my app"."v1.settings"',
    }),
    /** The column that names a row: text, unique within `where`. */
    key: z.string().min(1).default("key"),
    /** The column that holds it: jsonb, json or text. */
    value: z.string().min(1).default("value"),
    /** Only rows in which these columns have these values are the target's; new rows are given them. */
    where: z.record(z.string().min(1), z.union([z.string(), z.number(), z.boolean()])).optional(),
    /** The columns in which whoever writes a row says who and when; only read. */
    writer: z.strictObject({ by: z.string().min(1).optional(), at: z.string().min(1).optional() }).optional(),
  })
  .superRefine(({ value, writer }, context) => {
    if (writer === undefined) return;
    const { by, at } = writer;
    const message =
      by === undefined && at === undefined
        ? "`writer` names no column: say `by`, `at` or both"
        : by === value || at === value
          ? `\`writer\` names "${value}", the column of the value`
          : undefined;
    if (message !== undefined) context.addIssue({ code: "custom", path: ["writer"], message });
  });
export type PostgresTableSpec = z.infer<typeof postgresTableSpec>;

/** The spec's table. @throws TARGET_INVALID, where the spec's schema was not asked first */
export function tableOf(spec: PostgresTableSpec): TableName {
  const name = parseTableName(spec.table);
  if (name === undefined) throw new TrueupError("TARGET_INVALID", `"${spec.table}" is not the name of a table`);
  return name;
}

/** The scope's columns in a fixed order, with the values as text. */
export function scopeOf(spec: PostgresTableSpec): readonly (readonly [column: string, value: string])[] {
  return Object.entries(spec.where ?? {})
    .map(([column, value]) => [column, String(value)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

export function admitTable(request: AdmitRequest<PostgresTableSpec, PostgresConnection>): readonly Claim[] {
  const { spec, connection, document } = request;
  const table = tableOf(spec);
  const name = formatTableName(table);
  const allowed = connection.tables?.map((text) => {
    const parsed = parseTableName(text);
    return parsed === undefined ? text : formatTableName(parsed);
  });
  if (allowed !== undefined && !allowed.includes(name)) {
    throw new TrueupError("TARGET_REFUSED", `the connection does not let targets reach table ${name}`, {
      hint: `name it under the connection's \`tables\` in trueup.yaml, or use another; ${suggestion(name, allowed)}`,
    });
  }
  if (allowed === undefined && isSystemTable(table)) {
    throw new TrueupError("TARGET_REFUSED", `${name} is one of the server's own tables`, {
      hint: "only a connection whose `tables` names it gives access to it",
    });
  }
  for (const [key, value] of Object.entries(document)) requireText(key, key, value);
  const scope = scopeOf(spec).map(([column, value]) => `${column}=${value}`);
  return [{ system: addressOf(connection).system, path: ["table", name, ...scope] }];
}

/** PostgreSQL's texts hold every character but NUL. */
function requireText(row: string, key: string, value: Value): void {
  if (key.includes("\0") || (typeof value === "string" && value.includes("\0"))) {
    throw new TrueupError("DOCUMENT_UNREPRESENTABLE", `row "${row.replaceAll("\0", "\\0")}" holds a NUL character`, {
      hint: "PostgreSQL cannot hold it in a text; write it encoded, e.g. as base64",
    });
  }
  if (isList(value)) for (const item of value) requireText(row, "", item);
  else if (isMap(value)) for (const [name, item] of Object.entries(value)) requireText(row, name, item);
}
