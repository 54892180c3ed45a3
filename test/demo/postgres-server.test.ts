import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { findPostgres } from "../../src/demo/postgres-binaries.js";
import { startPostgresServer } from "../../src/demo/postgres-server.js";
import { postgresUnavailable, startPostgres, type TestPostgres } from "../support/postgres.js";

describe.skipIf(postgresUnavailable !== undefined)("a PostgreSQL server of our own", () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.close());

  it("gives databases and roles of their own", async () => {
    const database = await server.newDatabase();
    const role = await server.newRole({ url: database });
    expect(await server.sql("SELECT current_user, current_database()", { url: role })).toEqual([
      { current_user: new URL(role).username, current_database: new URL(database).pathname.slice(1) },
    ]);
  });

  it("refuses a wrong password", async () => {
    const wrong = server.url.replace("test-superuser", "nonsense");
    await expect(server.sql("SELECT 1", { url: wrong })).rejects.toThrow("password authentication failed");
  });

  it("keeps data and port over a stop and a crash", async () => {
    const url = await server.newDatabase();
    await server.sql("CREATE TABLE t AS SELECT 42 AS n", { url });
    for (const mode of ["fast", "immediate"] as const) {
      await server.stop(mode);
      await expect(server.sql("SELECT 1")).rejects.toThrow("ECONNREFUSED");
      await server.start();
      expect(await server.sql("SELECT n FROM t", { url })).toEqual([{ n: 42 }]);
    }
  });

  it("says why it does not start", async () => {
    const [binaries] = await findPostgres();
    if (binaries === undefined) throw new Error("not found");
    const directory = await mkdtemp(join(tmpdir(), "trueup-postgres-"));
    const options = { binaries, directory, password: "x", temporary: true, settings: { shared_buffers: "lots" } };
    await expect(startPostgresServer(options)).rejects.toThrow('invalid value for parameter "shared_buffers"');
    await rm(directory, { recursive: true });
  });

  it("goes with a process that is killed", async () => {
    const program = `const { startPostgres } = await import(${JSON.stringify(
      fileURLToPath(new URL("../support/postgres.ts", import.meta.url)),
    )}); const server = await startPostgres(); console.log(server.directory); setInterval(() => {}, 1000);`;
    const owner = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program]);
    const [line] = (await once(owner.stdout, "data")) as [Buffer];
    const directory = line.toString().trim();
    expect((await stat(directory)).isDirectory()).toBe(true);
    const pid = Number.parseInt(await readFile(join(directory, "postmaster.pid"), "utf8"), 10);
    expect(process.kill(pid, 0)).toBe(true);
    owner.kill("SIGKILL");
    await vi.waitFor(() => expect(stat(directory)).rejects.toThrow("ENOENT"), { timeout: 20_000 });
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  });
});
