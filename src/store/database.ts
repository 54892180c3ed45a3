import type { Pool, PoolClient, QueryResultRow } from "pg";
import { storeFailure } from "./failure.js";

/** A PostgreSQL, embedded or a server: the one seam between the store's SQL and where it runs. */
export interface Database {
  readonly pool: Pool;
  /** For messages, without user and password. */
  readonly name: string;
  /** No other process can have it open: leases that an earlier one left are void. */
  readonly exclusive: boolean;
  close(): Promise<void>;
}

/** Runs one statement, with `$1`… for values. @throws TrueupError */
export type Query = <Row extends QueryResultRow>(text: string, values?: readonly unknown[]) => Promise<readonly Row[]>;

export function queryOf(database: Database): Query {
  return async <Row extends QueryResultRow>(text: string, values: readonly unknown[] = []) => {
    try {
      return await withClient(database, async (client) => (await client.query<Row>(text, [...values])).rows);
    } catch (error) {
      throw storeFailure(error, database.name);
    }
  };
}

/** Runs statements that are saved together or not at all. @throws TrueupError */
export type Transaction = <Result>(work: (query: Query) => Promise<Result>) => Promise<Result>;

export function transactionOf(database: Database): Transaction {
  return async (work) => {
    try {
      return await withClient(database, async (client) => {
        await client.query("BEGIN");
        try {
          const result = await work(
            async <Row extends QueryResultRow>(text: string, values: readonly unknown[] = []) =>
              (await client.query<Row>(text, [...values])).rows,
          );
          await client.query("COMMIT");
          return result;
        } catch (error) {
          // It fails only where the connection is broken, and the server has rolled back by itself.
          await client.query("ROLLBACK").catch(() => undefined);
          throw error;
        }
      });
    } catch (error) {
      throw storeFailure(error, database.name);
    }
  };
}

/**
 * Not pool.query(): it ends the connection after any failed statement, which a server only has to open anew, but the embedded
 * PostgreSQL has one connection for good and fails the next statement, too. A connection that is broken the pool drops either way.
 */
export async function withClient<Result>(
  { pool }: Pick<Database, "pool">,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  try {
    return await work(client);
  } finally {
    client.release();
  }
}

/** For `batched`: the rows that say the same in a column, by that. */
export function byKey<Column extends string, Row extends Record<Column, string>>(
  rows: readonly Row[],
  column: Column,
): ReadonlyMap<string, readonly Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(row[column]);
    if (group === undefined) groups.set(row[column], [row]);
    else group.push(row);
  }
  return groups;
}

/** For `batched`: keys such as `revision environment`, of which the first has no space, as an array a column. */
export function columns(keys: readonly string[]): readonly [readonly string[], readonly string[]] {
  const spaces = keys.map((key) => [key, key.indexOf(" ")] as const);
  return [spaces.map(([key, at]) => key.slice(0, at)), spaces.map(([key, at]) => key.slice(at + 1))];
}
