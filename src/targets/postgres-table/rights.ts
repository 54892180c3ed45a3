import type { ClientBase } from "pg";
import { quoteIdentifier } from "../postgres/quote.js";
import { TrueupError } from "../../core/errors.js";
import { formatTableName, quoteTableName, type TableName } from "./name.js";

const RIGHTS = `
  SELECT array_to_json(array(SELECT word FROM unnest(ARRAY['INSERT', 'UPDATE', 'DELETE']) AS word
    WHERE NOT has_table_privilege(c.oid, word))) AS lacking, pg_is_in_recovery() AS standby
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2`;

/** What would keep that role from writing rows. */
export async function mayWriteTable(
  client: ClientBase,
  table: TableName,
  role: string,
): Promise<TrueupError | undefined> {
  const { rows } = await client.query<{ lacking: string; standby: string }>(RIGHTS, [table.schema, table.table]);
  const lacking = JSON.parse(rows[0]?.lacking ?? "[]") as string[];
  if (rows[0]?.standby === "t") {
    return new TrueupError("PERMISSION_DENIED", "the server is read-only, a standby perhaps", {
      hint: "let the connection's url lead to the primary server",
    });
  }
  if (lacking.length === 0) return undefined;
  return new TrueupError(
    "PERMISSION_DENIED",
    `role "${role}" may not ${lacking.join(", ")} in table ${formatTableName(table)}`,
    {
      hint: `as the table's owner, run: GRANT ${lacking.join(", ")} ON ${quoteTableName(table)} TO ${quoteIdentifier(role)};`,
    },
  );
}
