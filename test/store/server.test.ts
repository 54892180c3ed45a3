import { createServer } from "node:net";
import { once } from "node:events";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openStore, storeOn } from "../../src/store/open.js";
import { serverDatabase } from "../../src/store/server.js";
import { describeStore } from "../contract/store.js";
import { postgresMajors, postgresUnavailable, startPostgres, type TestPostgres } from "../support/postgres.js";

const open = (url: string) => openStore({ url, stateDirectory: "unused" });

for (const major of postgresMajors) {
  describe(`PostgreSQL ${major}`, () => {
    let server: TestPostgres;
    let url: string;
    beforeAll(async () => {
      server = await startPostgres({ major });
      url = await server.newDatabase();
    });
    afterAll(() => server.close());

    describeStore({
      name: `PostgreSQL ${major}`,
      create: async () => {
        // As good as a new database, in a tenth of the time.
        await server.sql("DROP SCHEMA IF EXISTS trueup CASCADE", { url });
        return {
          connect: () => serverDatabase(url),
          close: () => Promise.resolve(),
        };
      },
    });
  });
}

describe.skipIf(postgresUnavailable !== undefined)("a store on a server", () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.close());

  /** The error, after looking for the password in every corner of it. */
  async function failure(url: string, password: string): Promise<unknown> {
    const error: unknown = await open(url).then(
      (store) => store.close(),
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(Error);
    expect(inspect(error, { depth: null, showHidden: true })).not.toContain(password);
    return error;
  }
  const change = (url: string, to: Partial<URL>): string => Object.assign(new URL(url), to).href;

  it("that refuses the password says so", async () => {
    expect(await failure(change(server.url, { password: "s3cret-wrong" }), "s3cret-wrong")).toMatchObject({
      code: "CONNECTION_DENIED",
      message: expect.stringMatching(/^the store postgres:\/\/127\.0\.0\.1:\d+\/postgres refuses the login/) as string,
    });
  });

  it("that nobody serves says so", async () => {
    const listener = createServer().listen(0, "127.0.0.1");
    await once(listener, "listening");
    const address = listener.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await new Promise((resolve) => listener.close(resolve));
    expect(await failure(`postgres://u:s3cret@127.0.0.1:${port}/x`, "s3cret")).toMatchObject({
      code: "CONNECTION_FAILED",
    });
    expect(await failure(`postgres://u:s3cret@localhost:${port}/x`, "s3cret")).toMatchObject({
      code: "CONNECTION_FAILED",
      message: expect.stringContaining("ECONNREFUSED") as string,
    });
    expect(await failure("postgres://u:s3cret@no-such-host.invalid/x", "s3cret")).toMatchObject({
      code: "CONNECTION_FAILED",
    });
  });

  it("whose database does not exist says so", async () => {
    const url = change(server.url, { pathname: "/nowhere" });
    expect(await failure(url, "test-superuser")).toMatchObject({
      code: "CONNECTION_FAILED",
      hint: expect.stringContaining("CREATE DATABASE") as string,
    });
  });

  it.each(["mysql://u:s3cret@h/d", "host=h password=s3cret", "postgres://u:s3cret@h:port/d", "s3cret"])(
    "needs a URL of PostgreSQL: %s",
    async (url) => {
      expect(await failure(url, "s3cret")).toMatchObject({ code: "CONFIG_INVALID" });
    },
  );

  it("that is read-only says so", async () => {
    const url = `${await server.newDatabase()}?options=${encodeURIComponent("-c default_transaction_read_only=on")}`;
    expect(await failure(url, "test-superuser")).toMatchObject({
      code: "STORE_FAILED",
      hint: expect.stringContaining("primary") as string,
    });
  });

  it("needs a role that may make the schema, or owns one that was made for it", async () => {
    const database = await server.newDatabase();
    const url = await server.newRole({ name: "keeper", password: "s3cret-role", url: database });
    expect(await failure(url, "s3cret-role")).toMatchObject({
      code: "PERMISSION_DENIED",
      hint: expect.stringContaining("CREATE SCHEMA trueup AUTHORIZATION") as string,
    });
    await server.sql("CREATE SCHEMA trueup AUTHORIZATION keeper", { url: database });
    const store = await open(url);
    await store.history.append([{ environment: "prod", type: "drifted", message: "seen" }]);
    expect(await store.history.list({ limit: 1 })).toHaveLength(1);
    await store.close();
    // Someone else's role, which may not read it.
    const stranger = await server.newRole({ password: "s3cret-2", url: database });
    expect(await failure(stranger, "s3cret-2")).toMatchObject({ code: "PERMISSION_DENIED" });
  });

  it("that goes away loses the leases, fails plainly, and is found again", { timeout: 60_000 }, async () => {
    const database = await serverDatabase(await server.newDatabase());
    const store = await storeOn(database, { leaseTtl: 900 });
    const lease = await store.leases.acquire("prod", { holder: "a" });
    expect(lease?.lost.aborted).toBe(false);
    await server.stop("immediate");
    await expect(store.records.load("prod")).rejects.toMatchObject({ code: "CONNECTION_FAILED" });
    await expect.poll(() => lease?.lost.aborted, { timeout: 10_000, interval: 10 }).toBe(true);
    expect(lease?.lost.reason).toMatchObject({ code: "STORE_BUSY" });
    await server.start();
    expect(await store.records.load("prod")).toEqual(new Map());
    await store.close();
  });

  it("that restarts within a lease's life loses nothing", { timeout: 60_000 }, async () => {
    const database = await serverDatabase(await server.newDatabase());
    const store = await storeOn(database, { leaseTtl: 9_000 });
    const lease = await store.leases.acquire("prod", { holder: "a" });
    await server.stop("fast");
    await server.start();
    const before = await database.pool.query<{ expires_at: Date }>("SELECT expires_at FROM trueup.lease");
    await expect
      .poll(
        async () => (await database.pool.query<{ expires_at: Date }>("SELECT expires_at FROM trueup.lease")).rows[0],
        { timeout: 20_000 },
      )
      .not.toEqual(before.rows[0]);
    expect(lease?.lost.aborted).toBe(false);
    await store.close();
  });
});
