import { quoteIdentifier } from "../postgres/quote.js";
import { createHash } from "node:crypto";
import { formatTableName, quoteTableName, type TableName } from "./name.js";

export const TRIGGER = "trueup_notify";

/** What makes a table tell that it changed: SQL to show, then to run as the table's owner. */
export interface Push {
  readonly channel: string;
  readonly install: string;
  readonly remove: string;
}

/** Derived from the table's name, since a channel, like any name, can have 63 bytes and a table's full name more. */
export function channelOf(name: TableName): string {
  return `trueup_${createHash("sha256").update(formatTableName(name)).digest("hex").slice(0, 24)}`;
}

/**
 * A trigger per statement, not per row, with an empty payload: PostgreSQL sends equal notifications of one transaction once. */
export function pushSql(name: TableName): Push {
  const channel = channelOf(name);
  const table = quoteTableName(name);
  const execute = `${quoteIdentifier(name.schema)}.${quoteIdentifier(channel)}`;
  return {
    channel,
    install: `CREATE OR REPLACE FUNCTION ${execute}() RETURNS trigger LANGUAGE plpgsql AS $trueup$
BEGIN
  PERFORM pg_catalog.pg_notify('${channel}', '');
  RETURN NULL;
END
$trueup$;
CREATE OR REPLACE TRIGGER ${TRIGGER}
  AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON ${table}
  FOR EACH STATEMENT EXECUTE FUNCTION ${execute}();
`,
    remove: `DROP TRIGGER IF EXISTS ${TRIGGER} ON ${table};
DROP FUNCTION IF EXISTS ${execute}();
`,
  };
}
