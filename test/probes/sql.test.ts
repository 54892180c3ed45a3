import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sql } from "../../src/probes/sql/index.js";
import { deadPort, startSilent } from "../support/http-sink.js";
import { postgresUnavailable, startPostgres, type TestPostgres } from "../support/postgres.js";

const never = new AbortController().signal;

async function open(spec: Readonly<Record<string, unknown>>) {
  return sql.open(sql.schema.parse(spec), { folder: "/", environment: "staging" });
}

describe.skipIf(postgresUnavailable !== undefined)("the probe `sql`", () => {
  let server: TestPostgres;
  let url: string;
  let system: string;
  beforeAll(async () => {
    server = await startPostgres();
    url = await server.newDatabase("shop");
    system = `postgres ${new URL(url).host}/shop`;
    await server.sql("CREATE TABLE orders (id int, secret text)", { url });
    await server.sql("INSERT INTO orders VALUES (1, 'hunter2')", { url });
  }, 60_000);
  afterAll(() => server.stop());

  it.each([
    ["select count(*) > 0 from orders", true, "answered true"],
    ["select count(*) > 1 from orders", false, "answered false"],
    ["select count(*) from orders", false, "must answer one row with one boolean, and answered something else"],
    [
      "select true from orders where id = 2",
      false,
      "must answer one row with one boolean, and answered something else",
    ],
    ["select true, true", false, "must answer one row with one boolean, and answered something else"],
    ["select null::boolean", false, "must answer one row with one boolean, and answered something else"],
  ])("%s", async (query, healthy, said) => {
    expect(await (await open({ url, query })).check(never)).toEqual({ healthy, detail: `${system} ${said}` });
  });

  it.each([
    ["select count(*) > 0 from ordres", `relation "ordres" does not exist`],
    // PostgreSQL quotes the value: nobody else does.
    ["select secret::int > 0 from orders", "the query failed (SQLSTATE 22P02)"],
    ["with gone as (delete from orders returning 1) select true from gone", "the query failed (SQLSTATE 25006)"],
  ])("%s fails", async (query, said) => {
    expect(await (await open({ url, query })).check(never)).toEqual({ healthy: false, detail: `${system}: ${said}` });
    expect(await server.sql("SELECT 1 FROM orders", { url })).toHaveLength(1);
  });

  it("ends a query that takes too long, on the server too", async () => {
    const probe = await open({ url, query: "select pg_sleep(60) is null", timeout: "300ms" });
    const { healthy, detail } = await probe.check(never);
    expect(healthy).toBe(false);
    expect(detail).toMatch(/statement timeout|within 300 ms/);
    await expect
      .poll(() => server.sql("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'select pg_sleep%'"), { timeout: 10_000 })
      .toEqual([]);
  });

  it("leaves no connection behind", async () => {
    await (await open({ url, query: "select true" })).check(never);
    await expect
      .poll(() => server.sql("SELECT 1 FROM pg_stat_activity WHERE datname = 'shop'"), { timeout: 10_000 })
      .toEqual([]);
  });

  it("says why it cannot ask, and never the password", async () => {
    const wrong = new URL(url);
    wrong.password = "hunter2";
    const denied = await (await open({ url: wrong.href, query: "select true" })).check(never);
    expect(denied).toMatchObject({ healthy: false, detail: expect.stringContaining("refused the password") as string });
    wrong.port = String(await deadPort());
    const gone = await (await open({ url: wrong.href, query: "select true" })).check(never);
    expect(gone).toMatchObject({ healthy: false, detail: expect.stringContaining("no connection: refused") as string });
    const silent = await startSilent();
    wrong.port = String(silent.port);
    const mute = await (await open({ url: wrong.href, query: "select true", timeout: "200ms" })).check(never);
    await silent.close();
    expect(mute).toMatchObject({ healthy: false, detail: expect.stringContaining("within 200 ms") as string });
    expect(JSON.stringify([denied, gone, mute])).not.toContain("hunter2");
  });

  it("throws nothing but the reason why nobody wants to know any more", async () => {
    const stop = new AbortController();
    const reason = new Error("enough");
    const asked = (await open({ url, query: "select pg_sleep(60) is null" })).check(stop.signal);
    await expect
      .poll(() => server.sql("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'select pg_sleep%'"), { timeout: 10_000 })
      .toHaveLength(1);
    stop.abort(reason);
    await expect(asked).rejects.toBe(reason);
  });
});
