import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { ListRules } from "../../../src/core/change.js";
import { mapOf, type Document, type Value } from "../../../src/core/value.js";
import { postgresTable } from "../../../src/targets/postgres-table/index.js";
import { pushSql } from "../../../src/targets/postgres-table/push.js";
import { writerSql, writersTable } from "../../../src/targets/postgres-table/writer-setup.js";
import type { Target } from "../../../src/targets/target.js";
import { postgresUnavailable, startPostgres, type TestPostgres } from "../../support/postgres.js";

const signal = () => AbortSignal.timeout(20_000);

describe.skipIf(postgresUnavailable !== undefined)("a settings table", () => {
  let server: TestPostgres;
  let url: string;
  const opened: Target[] = [];
  beforeAll(async () => {
    server = await startPostgres();
    url = await server.newDatabase();
  });
  afterAll(async () => {
    await Promise.all(opened.map((target) => target.close()));
    await server.close();
  });

  const sql = (text: string, values: unknown[] = []) => server.sql(text, { values, url });
  async function open(spec: Record<string, unknown>, as = url, lists: ListRules = {}): Promise<Target> {
    const connection = postgresTable.connection.parse({ url: as });
    const parsed = postgresTable.spec.parse(spec);
    const target = await postgresTable.open({ environment: "test", name: "t", spec: parsed, connection, lists });
    opened.push(target);
    return target;
  }
  const read = async (target: Target): Promise<Document> => (await target.observe(new Set(), signal())).document;
  const write = (target: Target, path: string, desired: Value | undefined, expected?: Value) =>
    target.apply([{ path, expected, desired }], signal());

  describe("values", () => {
    it("keeps every digit, and of a row's other members also those that JavaScript cannot hold", async () => {
      await sql(`CREATE TABLE digits (key text PRIMARY KEY, value jsonb);
        INSERT INTO digits VALUES ('a', '{"big": 9007199254740993, "pi": 3.14159265358979323846, "x": 1}'), ('n', null)`);
      const target = await open({ table: "digits" });
      expect((await read(target)).a).toMatchObject({ big: 9007199254740993n });
      expect((await read(target)).n).toBeNull();
      expect(await write(target, "/a/x", 12345678901234567890n, 1)).toEqual([{ path: "/a/x", result: "applied" }]);
      expect(await sql("SELECT value::text FROM digits WHERE key = 'a'")).toEqual([
        { value: '{"x": 12345678901234567890, "pi": 3.14159265358979323846, "big": 9007199254740993}' },
      ]);
    });

    it("leaves the spaces and order of a json text alone", async () => {
      await sql(`CREATE TABLE spaced (key varchar PRIMARY KEY, value json);
        INSERT INTO spaced VALUES ('a', '{ "z" : 1.50,\n  "a":[1,2] }')`);
      await write(await open({ table: "spaced" }), "/a/a/1", 3, 2);
      expect(await sql("SELECT value::text FROM spaced")).toEqual([{ value: '{ "z" : 1.50,\n  "a":[1,3] }' }]);
    });

    it("compares text columns untyped, and stores scalars bare", async () => {
      await sql(`CREATE TABLE untyped (key text PRIMARY KEY, value text);
        INSERT INTO untyped VALUES ('port', '5432'), ('on', 'true'), ('version', '1.50'), ('rooms', '["a", 1]')`);
      const target = await open({ table: "untyped" });
      const live = await read(target);
      expect({ ...live }).toEqual({ port: 5432, on: true, version: "1.50", rooms: ["a", 1] });
      const desired = mapOf([
        ["port", "5432"],
        ["on", "true"],
        ["version", "1.50"],
        ["rooms", ["a", 1]],
      ]);
      expect(target.normalize(desired)).toEqual(live);
      await write(target, "/port", 6432, 5432);
      expect(await sql("SELECT value FROM untyped WHERE key = 'port'")).toEqual([{ value: "6432" }]);
    });

    it("finds elements of keyed lists, and keeps the list", async () => {
      await sql(`CREATE TABLE lists (key text PRIMARY KEY, value jsonb);
        INSERT INTO lists VALUES ('rooms', '[{"id": "a", "t": 20}, {"id": "b", "t": 21}]')`);
      const target = await open({ table: "lists" }, url, { "/rooms": { key: "id" } });
      expect(await write(target, "/rooms/b/t", 19, 21)).toEqual([{ path: "/rooms/b/t", result: "applied" }]);
      expect((await read(target)).rooms).toEqual([
        { id: "a", t: 20 },
        { id: "b", t: 19 },
      ]);
    });

    it("refuses what the column cannot hold", async () => {
      await sql("CREATE TABLE IF NOT EXISTS plain (key text PRIMARY KEY, value jsonb)");
      const target = await open({ table: "plain" });
      await read(target);
      expect(() => target.normalize(mapOf([["a", Number.NaN]]))).toThrow(
        expect.objectContaining({ code: "DOCUMENT_UNREPRESENTABLE" }),
      );
    });
  });

  describe("scope", () => {
    it("touches only rows of its `where`, and gives it to new ones", async () => {
      await sql(`CREATE TABLE tenants (tenant int, name text, setting jsonb, PRIMARY KEY (tenant, name));
        INSERT INTO tenants VALUES (1, 'a', '1'), (2, 'a', '2')`);
      const target = await open({ table: "tenants", key: "name", value: "setting", where: { tenant: 1 } });
      expect(await read(target)).toEqual(mapOf([["a", 1]]));
      await write(target, "/b", "new");
      await write(target, "/a", undefined, 1);
      expect(await sql("SELECT tenant, name, setting FROM tenants ORDER BY 1, 2")).toEqual([
        { tenant: 1, name: "b", setting: "new" },
        { tenant: 2, name: "a", setting: 2 },
      ]);
    });

    it("says so where a key is taken outside the scope", async () => {
      await sql(`CREATE TABLE taken (key text PRIMARY KEY, value jsonb, app text);
        INSERT INTO taken VALUES ('a', '1', 'other')`);
      const target = await open({ table: "taken", where: { app: "mine" } });
      const [outcome] = await write(target, "/a", 2);
      expect(outcome).toMatchObject({ result: "failed", error: { code: "WRITE_FAILED" } });
      expect(await sql("SELECT value FROM taken")).toEqual([{ value: 1 }]);
    });

    it("reaches tables with quotes, dots and capitals in their names", async () => {
      await sql(`CREATE SCHEMA "Odd.one"; CREATE TABLE "Odd.one"."it""s" ("the key" text PRIMARY KEY, "V" jsonb)`);
      const target = await open({ table: '"Odd.one"."it""s"', key: "the key", value: "V" });
      expect(await write(target, "/a", 1)).toEqual([{ path: "/a", result: "applied" }]);
      expect(await read(target)).toEqual(mapOf([["a", 1]]));
    });
  });

  describe("writing", () => {
    it("writes all or nothing, and says which row was rejected", async () => {
      await sql(`CREATE TABLE checked (key text PRIMARY KEY, value jsonb CHECK (value <> '"no"'))`);
      const target = await open({ table: "checked" });
      const outcomes = await target.apply(
        ["yes", "no", "maybe"].map((text) => ({ path: `/${text}`, expected: undefined, desired: text })),
        signal(),
      );
      expect(outcomes.map((outcome) => (outcome.result === "failed" ? outcome.error.message : outcome.result))).toEqual(
        [
          expect.stringContaining("rejected another change"),
          expect.stringContaining('violates check constraint "checked_value_check"'),
          expect.stringContaining("rejected another change"),
        ],
      );
      expect(await read(target)).toEqual(mapOf([]));
    });

    it("keeps a value that a trigger's message quotes out of the error", async () => {
      await sql(`CREATE TABLE talkative (key text PRIMARY KEY, value jsonb);
        CREATE FUNCTION talk() RETURNS trigger LANGUAGE plpgsql AS
          $$BEGIN RAISE EXCEPTION 'bad value % in row %', NEW.value, NEW.key; END$$;
        CREATE TRIGGER talk BEFORE INSERT ON talkative FOR EACH ROW EXECUTE FUNCTION talk()`);
      const [outcome] = await write(await open({ table: "talkative" }), "/a", { password: "hunter2" });
      expect(outcome?.result === "failed" && outcome.error.message).toMatch(/bad value .*•••.* in row a/);
      expect(outcome?.result === "failed" && outcome.error.message).not.toContain("hunter2");
    });

    it("reports what a trigger makes of a value as unreachable", async () => {
      await sql(`CREATE TABLE capped (key text PRIMARY KEY, value jsonb);
        INSERT INTO capped VALUES ('max', '10');
        CREATE FUNCTION cap() RETURNS trigger LANGUAGE plpgsql AS
          $$BEGIN NEW.value = to_jsonb(least(NEW.value::text::int, 50)); RETURN NEW; END$$;
        CREATE TRIGGER cap BEFORE INSERT OR UPDATE ON capped FOR EACH ROW EXECUTE FUNCTION cap()`);
      const target = await open({ table: "capped" });
      expect(await write(target, "/max", 99, 10)).toEqual([{ path: "/max", result: "unreachable", live: 50 }]);
      expect(await write(target, "/new", 99)).toEqual([{ path: "/new", result: "unreachable", live: 50 }]);
    });

    it("leaves a row to the session that inserted it meanwhile", async () => {
      await sql("CREATE TABLE raced (key text PRIMARY KEY, value jsonb)");
      const target = await open({ table: "raced" });
      await read(target);
      const other = sql("BEGIN; INSERT INTO raced VALUES ('a', '1'); SELECT pg_sleep(0.5); COMMIT");
      await vi.waitUntil(
        async () =>
          (await sql("SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()")).length >
          0,
      );
      expect(await write(target, "/a", 2)).toEqual([{ path: "/a", result: "moved", live: 1 }]);
      await other;
    });

    it("does not wait for a lock for ever, and leaves at once when it is told to", async () => {
      await sql("CREATE TABLE locked (key text PRIMARY KEY, value jsonb); INSERT INTO locked VALUES ('a', '1')");
      const target = await open({ table: "locked" });
      await read(target);
      const other = sql("BEGIN; SELECT * FROM locked FOR UPDATE; SELECT pg_sleep(7); COMMIT");
      await vi.waitUntil(
        async () => (await sql("SELECT FROM pg_locks WHERE relation = 'locked'::regclass")).length > 0,
      );
      const stop = new AbortController();
      const stopped = target.apply([{ path: "/a", expected: 1, desired: 2 }], stop.signal);
      const waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'trueup'";
      await vi.waitUntil(async () => (await sql(waiting)).length > 0);
      stop.abort(new Error("stopped by a test"));
      await expect(stopped).rejects.toThrow("stopped by a test");
      await vi.waitUntil(async () => (await sql(waiting)).length === 0, { timeout: 3_000 });
      await expect(write(target, "/a", 2, 1)).rejects.toMatchObject({ code: "TARGET_TIMEOUT" });
      await other;
      expect(await write(target, "/a", 2, 1)).toEqual([{ path: "/a", result: "applied" }]);
    });
  });

  describe("what is wrong with the table", () => {
    it.each<[string, Record<string, unknown>, RegExp, RegExp]>([
      ["SELECT 1", { table: "nowhere_at_all" }, /does not exist/, /CREATE TABLE "public"."nowhere/],
      ["CREATE TABLE app_settings (key text)", { table: "app_setings" }, /does not exist/, /"public.app_settings"/],
      ["CREATE TABLE c1 (name text PRIMARY KEY, value jsonb)", { table: "c1" }, /no column "key"/, /`key`/],
      ["CREATE TABLE c2 (key text PRIMARY KEY, value int)", { table: "c2" }, /neither jsonb/, /jsonb/],
      [
        "CREATE TABLE c3 (key int PRIMARY KEY, value jsonb)",
        { table: "c3" },
        /is integer, not text/,
        /text or varchar/,
      ],
      [
        "CREATE TABLE c4 (key text, value jsonb)",
        { table: "c4" },
        /not unique/,
        /CREATE UNIQUE INDEX ON "public"."c4" \("key"\)/,
      ],
      [
        "CREATE TABLE c5 (key text, app text, value jsonb, UNIQUE (app, key))",
        { table: "c5" },
        /not unique/,
        /UNIQUE INDEX/,
      ],
      ["CREATE VIEW v1 AS SELECT 'a' AS key, '1'::jsonb AS value", { table: "v1" }, /is a view/, /table itself/],
      [
        "CREATE TABLE c6 (key text PRIMARY KEY, value json); INSERT INTO c6 VALUES ('a', '1e999')",
        { table: "c6" },

        /row "a"/,
        /correct/,
      ],
    ])("%s: %j", async (setup, spec, message, hint) => {
      await sql(setup);
      const error = await read(await open(spec)).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: setup.includes("1e999") ? "LIVE_INVALID" : "TARGET_INVALID" });
      expect(error).toMatchObject({
        message: expect.stringMatching(message) as string,
        hint: expect.stringMatching(hint) as string,
      });
    });

    it("shows the missing GRANT, and works once it is given", async () => {
      await sql(`CREATE SCHEMA guarded; CREATE TABLE guarded.t (key text PRIMARY KEY, value jsonb)`);
      const role = await server.newRole({ url });
      const name = new URL(role).username;
      const target = await open({ table: "guarded.t" }, role);
      const error: unknown = await read(target).catch((thrown: unknown) => thrown);
      const hint = (error as { hint: string }).hint;
      expect(error).toMatchObject({ code: "PERMISSION_DENIED" });
      await sql(`GRANT USAGE ON SCHEMA guarded TO ${name}; GRANT SELECT ON guarded.t TO ${name}`);
      expect(await read(target)).toEqual(mapOf([]));
      await expect(write(target, "/a", 1)).rejects.toMatchObject({ code: "PERMISSION_DENIED", hint });
      await sql(hint.slice(hint.indexOf("GRANT")));
      expect(await write(target, "/a", 1)).toEqual([{ path: "/a", result: "applied" }]);
    });

    it("is looked at anew after the table was changed", async () => {
      await sql("CREATE TABLE altered (key text PRIMARY KEY, value text); INSERT INTO altered VALUES ('a', '\"1\"')");
      const target = await open({ table: "altered" });
      expect((await read(target)).a).toBe('"1"');
      await sql("ALTER TABLE altered ALTER value TYPE jsonb USING value::jsonb");
      expect((await read(target)).a).toBe("1");
      await sql("ALTER TABLE altered RENAME key TO k");
      await expect(read(target)).rejects.toMatchObject({ code: "TARGET_INVALID" });
      await sql("ALTER TABLE altered RENAME k TO key");
      expect((await read(target)).a).toBe("1");
    });
  });

  describe("who wrote", () => {
    const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
    let reader: string;
    const role = (of: string): string => new URL(of).username;
    const named = (of: string, application: string): string => `${of}?application_name=${application}`;
    const ask = async (target: Target, ...paths: string[]) => {
      await target.observe(new Set(), signal());
      return Object.fromEntries((await target.lastWriters?.(paths, signal())) ?? []);
    };
    const grant = (table: string, ...urls: string[]) =>
      sql(`GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ${table} TO ${urls.map(role).join(", ")}`);
    beforeAll(async () => {
      reader = await server.newRole({ url });
    });

    it("is certain by the trigger, for a row that is gone, too, and never Trueup itself", async () => {
      await sql(`CREATE TABLE recorded (tenant int, key text, value json, note text, PRIMARY KEY (tenant, key));
        INSERT INTO recorded VALUES (1, 'a', '1'), (1, 'b', '1'), (1, 'c', '1'), (2, 'a', '1')`);
      const ana = await server.newRole({ name: "ana", url });
      await grant("recorded", ana, reader);
      const spec = postgresTable.spec.parse({ table: "recorded", where: { tenant: 1 } });
      const options = { environment: "test", name: "t", spec, lists: {} };
      const owner = postgresTable.connection.parse({ url });
      const setup = await postgresTable.push?.({ ...options, connection: owner });
      await setup?.run("install", signal());
      const forReader = await postgresTable.push?.({
        ...options,
        connection: postgresTable.connection.parse({ url: reader }),
      });
      await sql(forReader?.install ?? "");
      const target = await open({ table: "recorded", where: { tenant: 1 } }, reader);
      expect(await ask(target, "/a", "/b", "/c")).toEqual({});
      const as = named(ana, "psql");
      await server.sql("UPDATE recorded SET value = '2' WHERE key = 'a' AND tenant = 1", { url: as });
      await server.sql("DELETE FROM recorded WHERE key = 'b'", { url: as });
      await server.sql("UPDATE recorded SET note = 'x', value = value WHERE key = 'c'", { url: as });
      await server.sql("UPDATE recorded SET key = 'new' WHERE tenant = 2", { url: ana });
      const certain = { how: "recorded by the table's trigger", certainty: "certain" };
      const by = { by: expect.stringMatching(/^ana \(psql, 127\.0\.0\.1\)$/) as string };
      const at = expect.stringMatching(iso) as string;
      expect(await ask(target, "/a/x/y", "/b", "/c", "/new")).toEqual({
        "/a/x/y": { ...by, at, ...certain },
        "/b": { ...by, at, ...certain },
      });
      await write(target, "/a", 3, 2);
      expect(await ask(target, "/a")).toEqual({});
      // Gone by TRUNCATE, which fires no trigger of rows: the record is of another change.
      await server.sql("UPDATE recorded SET value = '4' WHERE key = 'a'", { url: as });
      await server.sql("TRUNCATE recorded", { url: as });
      expect(await ask(target, "/a")).toEqual({});
      await setup?.run("remove", signal());
      const left = "SELECT FROM pg_class WHERE relname LIKE 'trueup%' AND relnamespace = 'public'::regnamespace";
      expect(await sql(left)).toEqual([]);
    });

    it("keeps no writer from writing, whatever becomes of the record", async () => {
      await sql("CREATE TABLE robust (key text PRIMARY KEY, value jsonb)");
      const { install, remove } = writerSql(
        { name: { schema: "public", table: "robust" }, key: "key", value: "value", where: [] },
        role(reader),
      );
      await sql(`${install}${install}`);
      const { table } = writersTable({ schema: "public", table: "robust" });
      await sql(`DROP TABLE ${table}`);
      await sql("INSERT INTO robust VALUES ('a', '1')");
      await grant("robust", reader);
      const target = await open({ table: "robust" }, reader);
      await target.observe(new Set(), signal());
      await expect(target.lastWriters?.(["/a"], signal())).rejects.toThrow(/does not exist/);
      expect(await write(target, "/a", 2, 1)).toEqual([{ path: "/a", result: "applied" }]);
      await sql(remove);
    });

    it("is likely by the row's own columns where their time fits, and not asked of a row that is older", async () => {
      await sql(`CREATE TABLE noted (key text PRIMARY KEY, value jsonb, updated_by text, updated_at timestamptz);
        INSERT INTO noted VALUES ('a', '1', 'old', now() - interval '1 day'), ('b', '1', 'old', now() - interval '1 day')`);
      await grant("noted", reader);
      const writer = { by: "updated_by", at: "updated_at" };
      const target = await open({ table: "noted", writer }, reader);
      expect(await ask(target, "/a")).toMatchObject({ "/a": { by: "old", certainty: "possible" } });
      await sql("UPDATE noted SET value = '2', updated_by = 'ben', updated_at = now() WHERE key = 'a'");
      await sql("UPDATE noted SET value = '2' WHERE key = 'b'");
      const how = "columns updated_by and updated_at";
      expect(await ask(target, "/a", "/b", "/none")).toEqual({
        "/a": { by: "ben", at: expect.stringMatching(iso) as string, how, certainty: "likely" },
      });
      const byName = await open({ table: "noted", writer: { by: "updated_by" } }, reader);
      expect(await ask(byName, "/a")).toEqual({ "/a": { by: "ben", how: "column updated_by", certainty: "possible" } });
    });

    it("says which column is wrong, and quotes none of what it holds", async () => {
      await sql(
        "CREATE TABLE misnamed (key text PRIMARY KEY, value jsonb, who text); INSERT INTO misnamed VALUES ('a', '1', 'hunter2')",
      );
      await grant("misnamed", reader);
      const wrong = await open({ table: "misnamed", writer: { by: "whom" } }, reader);
      await expect(ask(wrong, "/a")).rejects.toMatchObject({
        code: "TARGET_INVALID",
        message: /t\.whom does not exist/,
      });
      const error = await ask(await open({ table: "misnamed", writer: { at: "who" } }, reader), "/a").catch(String);
      expect(error).toMatch(/column "who" does not hold times/);
      expect(error).not.toContain("hunter2");
      for (const writer of [{}, { by: "value" }, { at: "value" }]) {
        expect(postgresTable.spec.safeParse({ table: "t", writer }).success).toBe(false);
      }
    });

    it("is possibly the one session whose last statement wrote the table, where all sessions are to be seen", async () => {
      await sql(
        `CREATE TABLE "odd.name" (key text PRIMARY KEY, value jsonb); INSERT INTO "odd.name" VALUES ('a', '1')`,
      );
      const cleo = await server.newRole({ name: "cleo", url });
      const dan = await server.newRole({ name: "dan", url });
      await grant('"odd.name"', reader, cleo, dan);
      const target = await open({ table: '"odd.name"' }, reader);
      const open_ = async (as: string): Promise<pg.Client> => {
        const client = new pg.Client({ connectionString: as });
        await client.connect();
        return client;
      };
      await target.observe(new Set(), signal());
      const first = await open_(named(cleo, "console"));
      const second = await open_(dan);
      try {
        await first.query(`UPDATE "odd.name" SET value = '"hunter2"'`);
        await second.query(`SELECT * FROM "odd.name"`);
        expect(await ask(target, "/a")).toEqual({});
        await sql(`GRANT pg_read_all_stats TO ${role(reader)}`);
        const who = await ask(target, "/a");
        expect(who).toEqual({
          "/a": {
            ...{ by: "cleo (console, 127.0.0.1)", at: expect.stringMatching(iso) as string },
            ...{ how: "pg_stat_activity", certainty: "possible" },
          },
        });
        await second.query(`DELETE FROM "odd.name"`);
        expect(await ask(target, "/a")).toEqual({});
      } finally {
        await first.end();
        await second.end();
      }
    });
  });

  describe("push", () => {
    it("hears of writes by others, not of its own, and again after the server was away", async () => {
      const name = { schema: "Push.d", table: `it's "loud"` };
      const quoted = `"Push.d"."it's ""loud"""`;
      await sql(`CREATE SCHEMA "Push.d"; CREATE TABLE ${quoted} (key text PRIMARY KEY, value jsonb);
        ${pushSql(name).install} ${pushSql(name).install}`);
      const target = await open({ table: quoted });
      const moved = vi.fn();
      const stop = new AbortController();
      const watching = target.watch?.(moved, stop.signal);
      const listening = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND wait_event = 'ClientRead'";
      await vi.waitUntil(async () => (await sql(listening)).length > 0, { timeout: 5_000 });
      // Once as it begins to listen, because of what it did not hear before.
      await vi.waitUntil(() => moved.mock.calls.length > 0);
      await write(target, "/mine", 1);
      await sql(`INSERT INTO ${quoted} VALUES ('a', '1'), ('b', '2')`);
      await vi.waitUntil(() => moved.mock.calls.length > 1);
      expect(moved).toHaveBeenCalledTimes(2);
      await server.stop();
      await server.start();
      await vi.waitUntil(() => moved.mock.calls.length > 2, { timeout: 10_000 });
      await sql(`TRUNCATE ${quoted}`);
      await vi.waitUntil(() => moved.mock.calls.length > 3);
      stop.abort();
      await expect(watching).resolves.toBeUndefined();
      await vi.waitUntil(async () => (await sql(listening)).length === 0);
    });

    it("waits quietly where the trigger is not installed, and its removal leaves nothing behind", async () => {
      await sql(`CREATE TABLE silent (key text PRIMARY KEY, value jsonb)`);
      const { install, remove } = pushSql({ schema: "public", table: "silent" });
      await sql(install);
      await sql(remove);
      expect(
        await sql("SELECT FROM pg_proc WHERE proname LIKE 'trueup%' AND pronamespace = 'public'::regnamespace"),
      ).toEqual([]);
      const stop = new AbortController();
      const watching = (await open({ table: "silent" })).watch?.(() => undefined, stop.signal);
      stop.abort();
      await expect(watching).resolves.toBeUndefined();
    });
  });
});
