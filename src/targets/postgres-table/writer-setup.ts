import { quoteIdentifier, quoteLiteral } from "../postgres/quote.js";
import { quoteTableName, type TableName } from "./name.js";
import { channelOf } from "./push.js";

export const WRITER_TRIGGER = "trueup_writer";

export interface Recorded {
  readonly name: TableName;
  readonly key: string;
  readonly value: string;
  /** The columns of the target's `where`. */
  readonly where: readonly string[];
}

/** Where the last writer of each row is kept. */
export function writersTable(name: TableName): TableName {
  return { schema: name.schema, table: `${channelOf(name)}_writer` };
}

/**
 * SQL that makes a table remember who wrote each row last, deleted ones too, and that takes it away again. `reader` may read it.
 * - The function runs with its owner's rights, so that whoever may write the table need not be able to write the record.
 * - The record is no reason to refuse a write: what goes wrong with it goes unnoticed.
 * - An update that leaves key and value as they are is none.
 */
export function writerSql(recorded: Recorded, reader: string): { readonly install: string; readonly remove: string } {
  const { name } = recorded;
  const table = quoteTableName(name);
  const writers = quoteTableName(writersTable(name));
  const record = (row: "OLD" | "NEW") =>
    `INSERT INTO ${writers} VALUES (${keyOf(recorded, row)}, ${scopeOf(recorded, row)}, ${row === "OLD"},
      session_user, current_setting('application_name'), host(inet_client_addr()), clock_timestamp())
    ON CONFLICT (key, scope) DO UPDATE SET (removed, role, application, address, at) =
      (excluded.removed, excluded.role, excluded.application, excluded.address, excluded.at);`;
  const identity = (row: "OLD" | "NEW") => `(${keyOf(recorded, row)}, ${scopeOf(recorded, row)})`;
  const valueOf = (row: "OLD" | "NEW") => `${row}.${quoteIdentifier(recorded.value)}::text`;
  return {
    install: `CREATE TABLE IF NOT EXISTS ${writers} (
  key text, scope jsonb, removed boolean, role text, application text, address text, at timestamptz,
  PRIMARY KEY (key, scope));
GRANT SELECT ON ${writers} TO ${quoteIdentifier(reader)};
CREATE OR REPLACE FUNCTION ${writers}() RETURNS trigger LANGUAGE plpgsql
  SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $trueup$
DECLARE
  moved boolean := TG_OP <> 'UPDATE';
BEGIN
  IF TG_OP = 'UPDATE' THEN
    moved := ${identity("OLD")} IS DISTINCT FROM ${identity("NEW")};
    IF NOT moved AND ${valueOf("OLD")} IS NOT DISTINCT FROM ${valueOf("NEW")} THEN RETURN NULL; END IF;
  END IF;
  IF moved AND TG_OP <> 'INSERT' THEN
    ${record("OLD")}
  END IF;
  IF TG_OP <> 'DELETE' THEN
    ${record("NEW")}
  END IF;
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  RETURN NULL;
END
$trueup$;
CREATE OR REPLACE TRIGGER ${WRITER_TRIGGER}
  AFTER INSERT OR UPDATE OR DELETE ON ${table}
  FOR EACH ROW EXECUTE FUNCTION ${writers}();
`,
    remove: `DROP TRIGGER IF EXISTS ${WRITER_TRIGGER} ON ${table};
DROP FUNCTION IF EXISTS ${writers}();
DROP TABLE IF EXISTS ${writers};
`,
  };
}

function keyOf({ key }: Recorded, row: string): string {
  return `${row}.${quoteIdentifier(key)}::text`;
}

/** One table may serve several targets, each with rows of its own by the same keys. */
function scopeOf({ where }: Recorded, row: string): string {
  const members = where.map((column) => `${quoteLiteral(column)}, ${row}.${quoteIdentifier(column)}::text`);
  return `jsonb_build_object(${members.join(", ")})`;
}
