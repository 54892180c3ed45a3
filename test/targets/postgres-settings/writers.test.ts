import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { postgresSettings } from "../../../src/targets/postgres-settings/index.js";
import type { Target } from "../../../src/targets/target.js";
import { postgresMajors, postgresUnavailable, startPostgres, type TestPostgres } from "../../support/postgres.js";
import { until } from "../../support/world.js";

const signal = () => AbortSignal.timeout(20_000);
const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe.skipIf(postgresUnavailable !== undefined)("who set a server's setting", () => {
  let server: TestPostgres;
  let ana: string;
  const opened: Target[] = [];
  beforeAll(async () => {
    server = await startPostgres();
    ana = `${await server.newRole({ name: "ana" })}?application_name=psql`;
    await server.sql("ALTER ROLE ana SUPERUSER");
  });
  afterAll(async () => {
    await Promise.all(opened.map((target) => target.close()));
    await server.close();
  });

  const open = async (url: string, spec: Record<string, unknown> = {}): Promise<Target> => {
    const target = await postgresSettings.open({
      ...{ environment: "test", name: "server", lists: {} },
      spec: postgresSettings.spec.parse(spec),
      connection: postgresSettings.connection.parse({ url, settings: ["*"] }),
    });
    opened.push(target);
    return target;
  };
  const ask = async (target: Target, name: string) => {
    await target.observe(new Set([name]), signal());
    return (await target.lastWriters?.([`/${name}`], signal()))?.get(`/${name}`);
  };
  const reload = () => server.sql("SELECT pg_reload_conf()");

  it("is possibly the one session that set or reloaded, else the file's time, else unknown", async () => {
    const target = await open(server.url);
    await target.observe(new Set(["work_mem"]), signal());
    const client = new pg.Client({ connectionString: ana });
    await client.connect();
    await client.query("ALTER SYSTEM SET work_mem = '9999kB'");
    await client.query("SELECT pg_reload_conf()");
    await until(async () => {
      await expect(ask(target, "work_mem")).resolves.toEqual({
        ...{ by: "ana (psql, 127.0.0.1)", at: expect.stringMatching(iso) as string },
        ...{ how: "pg_stat_activity", certainty: "possible" },
      });
    });
    await client.end();
    await until(async () => {
      await expect(ask(target, "work_mem")).resolves.toEqual({
        ...{ at: expect.stringMatching(iso) as string, how: "time of postgresql.auto.conf", certainty: "possible" },
      });
    });
    const stranger = await server.newRole();
    await server.sql(`GRANT pg_read_all_settings TO ${new URL(stranger).username}`);
    expect(await ask(await open(stranger), "work_mem")).toBeUndefined();
  });

  describe.skipIf((postgresMajors[0] ?? 0) < 15)("with a log in JSON", () => {
    beforeAll(async () => {
      for (const [name, value] of Object.entries({
        ...{ logging_collector: "on", log_destination: "jsonlog", log_statement: "ddl", log_timezone: "Europe/Berlin" },
      })) {
        await server.sql(`ALTER SYSTEM SET ${name} = '${value}'`);
      }
      await server.stop();
      await server.start();
    });

    it("is certain by the log, and a statement that failed, or of Trueup itself, is none", async () => {
      const target = await open(server.url);
      await target.observe(new Set(["work_mem"]), signal());
      await server.sql("ALTER SYSTEM SET work_mem = '1234kB'", { url: ana });
      await reload();
      await server.sql("ALTER SYSTEM SET work_mem = 'hunter2'").catch(() => undefined);
      const certain = { how: "the server's log", certainty: "certain" };
      const by = { by: "ana (psql, 127.0.0.1)", at: expect.stringMatching(iso) as string };
      await until(async () => {
        const writer = await ask(target, "work_mem");
        expect(writer).toEqual({ ...by, ...certain });
        // In UTC, whatever the log's own zone.
        expect(Math.abs(Date.parse(writer?.at ?? "") - Date.now())).toBeLessThan(60_000);
      });
      // The rights that the docs name are enough.
      const reader = await server.newRole();
      const role = new URL(reader).username;
      await server.sql(`GRANT pg_monitor TO ${role};
        GRANT EXECUTE ON FUNCTION pg_read_binary_file(text, bigint, bigint), pg_stat_file(text) TO ${role}`);
      expect(await ask(await open(reader), "work_mem")).toMatchObject({ ...by, certainty: "likely" });
      // Without an earlier look it may have been long ago.
      expect(await ask(await open(server.url), "work_mem")).toMatchObject({ ...by, certainty: "likely" });
      await target.apply([{ path: "/work_mem", expected: "1234kB", desired: "8MB" }], signal());
      await until(async () => {
        expect((await ask(target, "work_mem"))?.how).not.toBe("the server's log");
      });
    });

    it("is found for a database and a role, too", async () => {
      await server.newDatabase("Shop");
      const database = await open(server.url, { scope: "database", database: "Shop" });
      const role = await open(server.url, { scope: "role", role: "ana", database: "Shop" });
      for (const target of [database, role]) await target.observe(new Set(["lock_timeout"]), signal());
      await server.sql(`ALTER DATABASE "Shop" SET lock_timeout = '7s'; ALTER ROLE ana SET lock_timeout = 1`, {
        url: ana,
      });
      const certain = { by: "ana (psql, 127.0.0.1)", how: "the server's log", certainty: "certain" };
      await until(async () => {
        expect(await ask(database, "lock_timeout")).toMatchObject(certain);
      });
      expect(await ask(role, "lock_timeout")).toBeUndefined();
      await server.sql(`ALTER ROLE ana IN DATABASE "Shop" RESET lock_timeout`, { url: ana });
      await until(async () => {
        expect(await ask(role, "lock_timeout")).toMatchObject({ ...certain, certainty: "likely" });
      });
    });
  });
});
