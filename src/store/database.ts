import type { Pool, QueryResultRow } from "pg";
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
      return (await database.pool.query<Row>(text, [...values])).rows;
    } catch (error) {
      throw storeFailure(error, database.name);
    }
  };
}
