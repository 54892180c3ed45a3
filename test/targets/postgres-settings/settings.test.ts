import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Change } from "../../../src/core/change.js";
import { mapOf, type Document, type Value } from "../../../src/core/value.js";
import { postgresSettings } from "../../../src/targets/postgres-settings/index.js";
import type { Target } from "../../../src/targets/target.js";
import { postgresUnavailable, startPostgres, type TestPostgres } from "../../support/postgres.js";

const signal = () => AbortSignal.timeout(20_000);

describe.skipIf(postgresUnavailable !== undefined)("server settings", () => {
  let server: TestPostgres;
  const opened: Target[] = [];
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(async () => {
    await Promise.all(opened.map((target) => target.close()));
    await server.close();
  });
  beforeEach(async () => {
    await server.sql("ALTER SYSTEM RESET ALL");
    await server.sql("SELECT pg_reload_conf()");
  });

  interface Opening {
    readonly spec?: Record<string, unknown>;
    readonly url?: string;
    readonly settings?: readonly string[];
  }
  async function open({ spec = {}, url = server.url, settings }: Opening = {}): Promise<Target> {
    const target = await postgresSettings.open({
      environment: "test",
      name: "server",
      spec: postgresSettings.spec.parse(spec),
      connection: postgresSettings.connection.parse(settings === undefined ? { url } : { url, settings }),
      lists: {},
    });
    opened.push(target);
    return target;
  }
  const read = async (target: Target, ...names: string[]): Promise<Document> =>
    (await target.observe(new Set(names), signal())).document;
  const write = (target: Target, path: string, desired: Value | undefined, expected?: Value) =>
    target.apply([{ path, expected, desired }], signal());

  describe("what is live", () => {
    it("is absent where only the default holds, and the file's value where a file sets it", async () => {
      const document = await read(await open(), "work_mem", "max_connections");
      expect(Object.keys(document)).not.toContain("work_mem");
      expect(document.max_connections).toBe(100);
    });

    it("is the server's value, not the one of the role that we connect as", async () => {
      const url = await server.newRole();
      await server.sql(`ALTER ROLE ${new URL(url).username} SUPERUSER`);
      await server.sql(`ALTER ROLE ${new URL(url).username} SET work_mem = '77MB'`);
      await server.sql("ALTER SYSTEM SET work_mem = '9MB'");
      await server.sql("SELECT pg_reload_conf()");
      expect((await read(await open({ url }), "work_mem")).work_mem).toBe("9MB");
    });

    it("shows what ALTER SYSTEM set although git does not name it", async () => {
      await server.sql("ALTER SYSTEM SET maintenance_work_mem = '99MB'");
      await server.sql("SELECT pg_reload_conf()");
      expect(await read(await open())).toEqual(mapOf([["maintenance_work_mem", "99MB"]]));
    });

    it("follows settings that are fixed when a session begins", async () => {
      const target = await open();
      const [outcome] = await write(target, "/post_auth_delay", "0", undefined);
      expect(outcome).toEqual({ path: "/post_auth_delay", result: "applied" });
      await server.sql("ALTER SYSTEM SET log_disconnections = 'on'");
      await server.sql("SELECT pg_reload_conf()");
      expect((await read(target, "log_disconnections")).log_disconnections).toBe("on");
    });
  });

  describe("writing", () => {
    it("reports a value that the server rounds as unreachable, with what it made of it", async () => {
      const target = await open();
      await read(target, "effective_cache_size");
      const desired = target.normalize(mapOf([["effective_cache_size", "5001kB"]])).effective_cache_size;
      expect(await write(target, "/effective_cache_size", desired)).toEqual([
        { path: "/effective_cache_size", result: "unreachable", live: "5000kB" },
      ]);
    });

    it("says that a setting waits for a restart, and reports it as it is configured until then", async () => {
      const target = await open();
      const before = (await read(target, "max_connections")).max_connections;
      expect(await write(target, "/max_connections", 120, before)).toEqual([
        { path: "/max_connections", result: "pendingRestart" },
      ]);
      const waiting = await target.observe(new Set(["max_connections"]), signal());
      expect(waiting.document.max_connections).toBe(120);
      expect(waiting.pendingRestart).toEqual(["/max_connections"]);
      await server.stop();
      await server.start();
      const after = await target.observe(new Set(["max_connections"]), signal());
      expect(after.document.max_connections).toBe(120);
      expect(after.pendingRestart).toEqual([]);
    });

    it("tells that a removed setting falls back to what a file says", async () => {
      const target = await open();
      await write(target, "/max_wal_size", "2GB", "1GB");
      expect(await write(target, "/max_wal_size", undefined, "2GB")).toEqual([
        { path: "/max_wal_size", result: "unreachable", live: "1GB" },
      ]);
    });

    it("sees what another session wrote although the server has not been told to read it", async () => {
      const target = await open();
      await write(target, "/work_mem", "8MB");
      await server.sql("ALTER SYSTEM SET work_mem = '9MB'");
      expect(await write(target, "/work_mem", "16MB", "8MB")).toEqual([
        { path: "/work_mem", result: "moved", live: "9MB" },
      ]);
    });

    it("tells that the command line wins", async () => {
      const target = await open();
      const live = (await read(target, "fsync")).fsync;
      expect(await write(target, "/fsync", "on", live)).toEqual([
        { path: "/fsync", result: "unreachable", live: "off" },
      ]);
    });

    it.each<[string, string]>([
      ["/search_path", '"$user", "Odd,Schema", public, "has""quote"'],
      ["/search_path", ""],
      ["/app.note", "a 'quoted' \\ \"text\", and more"],
      ["/DateStyle", "ISO, DMY"],
    ])("quotes %s = %s so that it is read back as written", async (path, value) => {
      const target = await open({ spec: { scope: "role", role: "postgres" } });
      const name = path.slice(1);
      const { document } = await target.observe(new Set([name]), signal());
      const desired = target.normalize(mapOf([[name, value]]))[name];
      const outcomes = await target.apply([{ path, expected: document[name], desired }], signal());
      expect(outcomes).toEqual([{ path, result: "applied" }]);
      const [row] = await server.sql(`SELECT current_setting($1) AS now`, { values: [name] });
      expect(row?.now).toBe(value === "" ? '""' : value);
    });

    it("writes a prefix with quotes and backslashes to the server's file", async () => {
      const target = await open();
      const value = "it's %m \\ [%p] ";
      expect(await write(target, "/log_line_prefix", value)).toEqual([{ path: "/log_line_prefix", result: "applied" }]);
      expect((await read(target, "log_line_prefix")).log_line_prefix).toBe(value);
    });

    it("reloads what was written when it is stopped half-way", async () => {
      const target = await open();
      const stop = new AbortController();
      const changes: Change[] = ["work_mem", "temp_buffers", "hash_mem_multiplier"].map((name) => ({
        path: `/${name}`,
        expected: undefined,
        desired: name === "hash_mem_multiplier" ? 3 : "9MB",
      }));
      const applying = target.apply(changes, stop.signal);
      while ((await server.sql("SELECT FROM pg_file_settings WHERE sourcefile LIKE '%auto.conf'")).length === 0);
      stop.abort();
      const outcomes = await applying;
      const document = await read(target, "work_mem", "temp_buffers", "hash_mem_multiplier");
      for (const [index, outcome] of outcomes.entries()) {
        const name = outcome.path.slice(1);
        expect(document[name]).toEqual(outcome.result === "applied" ? changes[index]?.desired : undefined);
        if (outcome.result === "failed") expect(outcome.error).toMatchObject({ code: "ABORTED" });
      }
      expect(outcomes[0]?.result).toBe("applied");
    });

    it("writes nothing where the server cannot read its configuration, and names the file at fault", async () => {
      const target = await open();
      const file = join(server.directory, "postgresql.conf");
      const whole = await readFile(file, "utf8");
      await appendFile(file, "\nthis is = = not a line\n");
      try {
        await expect(write(target, "/work_mem", "9MB")).rejects.toMatchObject({
          code: "TARGET_TIMEOUT",
          message: expect.stringMatching(/syntax error \(.*postgresql\.conf:\d+\)/) as string,
        });
        expect(await server.sql("SELECT FROM pg_file_settings WHERE name = 'work_mem'")).toEqual([]);
      } finally {
        await writeFile(file, whole);
      }
    });
  });

  describe("rights", () => {
    it("work with the documented grants, without a superuser", async () => {
      const url = await server.newRole();
      const role = new URL(url).username;
      await server.sql(`GRANT ALTER SYSTEM ON PARAMETER work_mem TO ${role};
        GRANT EXECUTE ON FUNCTION pg_reload_conf() TO ${role};
        GRANT pg_read_all_settings TO ${role};
        GRANT SELECT ON pg_file_settings TO ${role};
        GRANT EXECUTE ON FUNCTION pg_show_all_file_settings() TO ${role}`);
      const target = await open({ url });
      expect(await write(target, "/work_mem", "9MB")).toEqual([{ path: "/work_mem", result: "applied" }]);
      const [denied] = await write(target, "/temp_buffers", "9MB");
      expect(denied).toMatchObject({
        result: "failed",
        error: {
          code: "PERMISSION_DENIED",
          hint: expect.stringContaining("GRANT ALTER SYSTEM ON PARAMETER") as string,
        },
      });
      expect(await read(target, "work_mem")).toEqual(mapOf([["work_mem", "9MB"]]));
    });

    it("that are missing for the reload stop the write before it begins", async () => {
      const url = await server.newRole();
      await server.sql(`GRANT ALTER SYSTEM ON PARAMETER work_mem TO ${new URL(url).username}`);
      const target = await open({ url });
      await expect(write(target, "/work_mem", "9MB")).rejects.toMatchObject({
        code: "PERMISSION_DENIED",
        hint: expect.stringContaining("GRANT EXECUTE ON FUNCTION pg_reload_conf()") as string,
      });
      expect(await server.sql("SELECT FROM pg_file_settings WHERE name = 'work_mem'")).toEqual([]);
    });

    it("let a role without them read, and refuse to guess", async () => {
      const url = await server.newRole();
      const role = new URL(url).username;
      const target = await open({ url });
      expect((await read(target, "max_wal_size")).max_wal_size).toBe("1GB");
      await server.sql(`ALTER ROLE ${role} SET work_mem = '77MB'`);
      await expect(read(await open({ url }), "work_mem")).rejects.toMatchObject({
        code: "PERMISSION_DENIED",
        hint: expect.stringContaining("GRANT SELECT ON pg_file_settings") as string,
      });
    });

    it("name a database or role that does not exist", async () => {
      const target = await open({ spec: { scope: "role", role: "nobody_here" } });
      await expect(read(target)).rejects.toMatchObject({
        code: "TARGET_INVALID",
        message: 'role "nobody_here" does not exist',
      });
    });
  });

  describe("what a connection lets through", () => {
    it("is checked again where it is written, and hides what it does not let through", async () => {
      await server.sql("ALTER SYSTEM SET archive_command = 'true'");
      await server.sql("SELECT pg_reload_conf()");
      const target = await open();
      const [outcome] = await write(target, "/Archive_Command", "rm -rf /");
      expect(outcome).toMatchObject({ result: "failed", error: { code: "TARGET_REFUSED" } });
      expect(await read(target)).toEqual(mapOf([]));
      const allowed = await open({ settings: ["*", "archive_command"] });
      expect(await read(allowed)).toEqual(mapOf([["archive_command", "true"]]));
    });
  });
});
