import { quoteIdentifier } from "../postgres/quote.js";

/** A table as the catalog spells it: names are exact, not folded to lower case. */
export interface TableName {
  readonly schema: string;
  readonly table: string;
}

const PART = /^(?:"((?:[^"]|"")+)"|([^".\s]+))/;

/**
 * `settings`, `app.settings` or, where a name holds a dot or a space, `"my app"."v1.settings"`. Without a schema it is
 * `public`, whatever the role's search_path says. Undefined where the text is no such name.
 */
export function parseTableName(text: string): TableName | undefined {
  const parts: string[] = [];
  let rest = text;
  for (;;) {
    const match = PART.exec(rest);
    if (match === null) return undefined;
    parts.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
    rest = rest.slice(match[0].length);
    if (rest === "") break;
    if (!rest.startsWith(".")) return undefined;
    rest = rest.slice(1);
  }
  const [first, second, ...more] = parts;
  if (first === undefined || more.length > 0) return undefined;
  return second === undefined ? { schema: "public", table: first } : { schema: first, table: second };
}

/** For people and claims: `app.settings`, with quotes only where it would not be read back without. */
export function formatTableName({ schema, table }: TableName): string {
  return [schema, table].map((part) => (/^[^".\s]+$/.test(part) ? part : quoteIdentifier(part))).join(".");
}

/** For SQL. */
export function quoteTableName({ schema, table }: TableName): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
}

/** Catalogs that PostgreSQL itself lives by: a key/value table is never among them. */
export function isSystemTable({ schema }: TableName): boolean {
  return schema.startsWith("pg_") || schema === "information_schema";
}
