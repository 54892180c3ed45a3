import { afterAll, beforeAll } from "vitest";
import { postgresUnavailable, startPostgres, type TestPostgres } from "./postgres.js";

/**
 * A new store for each world of a suite, as `makeWorld` takes it: a database of a server takes milliseconds, the embedded
 * store a second. Where no server can be had, the embedded one.
 */
export function newStores(): () => Promise<{ readonly store?: string }> {
  let server: TestPostgres | undefined;
  beforeAll(async () => {
    if (postgresUnavailable === undefined) server = await startPostgres();
  });
  afterAll(() => server?.close());
  return async () => (server === undefined ? {} : { store: await server.newDatabase() });
}
