import { createServer } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { startBroker, type Broker } from "../../src/demo/mqtt-broker.js";
import { makeWorld, type World } from "../support/cli.js";
import { answer } from "../support/json-shapes.js";
import { connectClient, retain } from "../support/mqtt.js";
import { postgresUnavailable, startPostgres, type TestPostgres } from "../support/postgres.js";

// Each test runs a process a command; a busy machine takes its time.
vi.setConfig({ testTimeout: 180_000 });

const PASSWORD = "c0rrect-h0rse";
let world: World;
afterEach(() => {
  world.remove();
});

/** Where the store is, which is not what these are about: a command on the embedded one starts a PostgreSQL of its own. */
let store: string | undefined;
const CONFIG = (connection: string, url = store) => `repository: { url: ./repo }
${url === undefined ? "" : `store: "${url}"`}
environments:
  dev:
    connections:
      live: ${connection}
`;

async function doctored(config?: string) {
  if (config !== undefined) world.put("trueup.yaml", config);
  const ran = await world.run(["doctor", "-o", "json"]);
  expect(ran.stdout + ran.stderr).not.toContain(PASSWORD);
  const checks = answer("doctor", ran.stdout).checks.filter(({ what }) => what.startsWith("dev/"));
  return { code: ran.code, checks };
}

/** What diff says of the one target: it is Unknown, with the reason, and exit 1. */
async function diffed() {
  const ran = await world.run(["diff", "-o", "json"]);
  expect(ran.stdout + ran.stderr).not.toContain(PASSWORD);
  return { code: ran.code, target: answer("diff", ran.stdout).environments[0]?.targets[0] };
}

describe.skipIf(postgresUnavailable !== undefined)("a PostgreSQL server", () => {
  let server: TestPostgres;
  let url = "";
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(async () => {
    store = undefined;
    await server.close();
  });
  beforeEach(async () => {
    [url, store] = [await server.newDatabase(), await server.newDatabase()];
    await server.sql("CREATE TABLE app_settings (key text PRIMARY KEY, value jsonb NOT NULL)", { url });
    world = await makeWorld({
      config: CONFIG(`{ url: "${url}" }`),
      files: {
        "environments/dev/environment.yaml":
          "targets:\n  settings: { kind: postgres-table, connection: live, table: app_settings }\n",
        "environments/dev/settings.yaml": "pool: { min: 2, max: 10 }\nsmtp: { password: t0p-s3cret }\n",
      },
    });
  });

  it("is brought to what git says, and drift is found and shown without secrets", async () => {
    expect((await world.run(["sync"])).code).toBe(0);
    expect(await server.sql("SELECT key, value FROM app_settings ORDER BY key", { url })).toEqual([
      { key: "pool", value: { min: 2, max: 10 } },
      { key: "smtp", value: { password: "t0p-s3cret" } },
    ]);
    await server.sql(`UPDATE app_settings SET value = '{"min": 2, "max": 1}' WHERE key = 'pool'`, { url });
    await server.sql(`UPDATE app_settings SET value = '{"password": "an0ther"}' WHERE key = 'smtp'`, { url });
    const { code, target } = await diffed();
    expect(code).toBe(2);
    expect(target?.findings).toMatchObject([
      { path: "/pool/max", kind: "modified", desired: 10, live: 1 },
      { path: "/smtp/password", kind: "modified", sensitive: true },
    ]);
    for (const verb of ["diff", "sync", "history -o json"]) {
      expect((await world.run(verb.split(" "))).stdout).not.toMatch(/t0p-s3cret|an0ther/);
    }
    expect(await doctored()).toMatchObject({ code: 0, checks: [{ what: "dev/settings", result: "ok" }] });
  });

  it("that refuses the password is Unknown, and doctor says what to do", async () => {
    await world.run(["sync"]);
    const wrong = new URL(url);
    wrong.password = PASSWORD;
    const { code, checks } = await doctored(CONFIG(`{ url: "${wrong.href}" }`));
    expect(code).toBe(1);
    expect(checks).toMatchObject([
      { result: "failed", error: { code: "CONNECTION_DENIED", hint: expect.stringContaining("password") as string } },
    ]);
    const text = await world.run(["doctor"]);
    expect(text.code).toBe(1);
    expect(text.stdout).toContain("refused the password");
    expect(text.stdout + text.stderr).not.toContain(PASSWORD);
    expect(await diffed()).toMatchObject({
      code: 1,
      target: { state: "Unknown", findings: [], error: { code: "CONNECTION_DENIED" } },
    });
    const synced = await world.run(["sync", "-o", "json"]);
    expect(synced.code).toBe(1);
    // Nothing was "resolved", and what was applied is remembered.
    expect(answer("history", (await world.run(["history", "-o", "json"])).stdout).events[0]?.type).toBe("unknown");
    world.put("trueup.yaml", CONFIG(`{ url: "${url}" }`));
    expect(await diffed()).toMatchObject({ code: 0, target: { state: "Synced" } });
  });

  it("that cannot be reached is Unknown", async () => {
    const nowhere = new URL(url);
    nowhere.port = "1";
    const { code, checks } = await doctored(CONFIG(`{ url: "${nowhere.href}" }`));
    expect(code).toBe(1);
    expect(checks).toMatchObject([
      { result: "failed", error: { code: "CONNECTION_FAILED", hint: expect.stringContaining("reachable") as string } },
    ]);
    expect(await diffed()).toMatchObject({
      code: 1,
      target: { state: "Unknown", error: { code: "CONNECTION_FAILED" } },
    });
  });

  it("whose table lacks the columns, or is not there, is told with what to run", async () => {
    await server.sql("ALTER TABLE app_settings RENAME COLUMN value TO val", { url });
    const lacking = await doctored();
    expect(lacking).toMatchObject({ code: 1, checks: [{ result: "failed", error: { code: "TARGET_INVALID" } }] });
    expect(lacking.checks[0]?.error?.message).toContain('has no column "value"');
    expect(lacking.checks[0]?.error?.hint).toContain('did you mean "val"?');
    await server.sql("DROP TABLE app_settings", { url });
    const { code, target } = await diffed();
    expect(code).toBe(1);
    expect(target).toMatchObject({ state: "Unknown", error: { code: "TARGET_INVALID" } });
    expect(target?.error?.hint).toContain("CREATE TABLE");
  });

  it("whose role may not write is read only, before anything is tried", async () => {
    const role = await server.newRole({ name: "reader_of_settings", password: PASSWORD, url });
    await server.sql("GRANT SELECT ON app_settings TO reader_of_settings", { url });
    const { code, checks } = await doctored(CONFIG(`{ url: "${role}" }`));
    expect(code).toBe(1);
    expect(checks).toMatchObject([
      {
        result: "read only",
        error: {
          code: "PERMISSION_DENIED",
          message: 'role "reader_of_settings" may not INSERT, UPDATE, DELETE in table public.app_settings',
          hint: expect.stringContaining("GRANT INSERT, UPDATE, DELETE ON") as string,
        },
      },
    ]);
    expect((await world.run(["sync"])).code).toBe(1);
    expect(await server.sql("SELECT * FROM app_settings", { url })).toEqual([]);
    // The statement of the hint is what was lacking.
    const [, grant = ""] = /run: (GRANT .*;)$/.exec(checks[0]?.error?.hint ?? "") ?? [];
    await server.sql(grant, { url });
    expect((await doctored()).checks[0]?.result).toBe("ok");
  });

  it("whose role may not ALTER SYSTEM is read only", async () => {
    await world.commit({
      "environments/dev/environment.yaml": "targets:\n  server: { kind: postgres-settings, connection: live }\n",
      "environments/dev/server.yaml": "work_mem: 8MB\n",
    });
    expect((await doctored()).checks).toMatchObject([{ what: "dev/server", result: "ok" }]);
    const role = await server.newRole({ name: "tuner", password: PASSWORD, url });
    const { checks } = await doctored(CONFIG(`{ url: "${role}" }`));
    expect(checks).toMatchObject([{ result: "read only", error: { code: "PERMISSION_DENIED" } }]);
    expect(checks[0]?.error?.message).toContain("may not reload");
    await server.sql("GRANT EXECUTE ON FUNCTION pg_reload_conf() TO tuner", { url });
    const [check] = (await doctored()).checks;
    expect(check?.error?.message).toContain('role "tuner" may not ALTER SYSTEM SET work_mem');
    const [, grant = ""] = /run: (GRANT .*;)$/.exec(check?.error?.hint ?? "") ?? [];
    await server.sql(grant, { url });
    expect((await doctored()).checks[0]?.result).toBe("ok");
  });

  it("can be told to push its changes: shown first, then installed, then removed", async () => {
    const shown = await world.run(["init", "target", "dev/settings"]);
    expect(shown.code).toBe(0);
    expect(shown.stdout).toContain("CREATE");
    expect(shown.stderr).toContain("nothing was changed");
    const triggers = async () => (await server.sql("SELECT 1 FROM pg_trigger WHERE NOT tgisinternal", { url })).length;
    expect(await triggers()).toBe(0);
    expect(await world.run(["init", "target", "dev/settings", "--install"])).toMatchObject({
      code: 0,
      stdout: shown.stdout,
    });
    expect(await triggers()).toBeGreaterThan(0);
    expect((await world.run(["init", "target", "dev/settings", "--remove"])).code).toBe(0);
    expect(await triggers()).toBe(0);
  });

  it("serves as the store, and two targets on one table are refused", async () => {
    expect((await world.run(["sync"])).code).toBe(0);
    expect(answer("status", (await world.run(["status", "-o", "json"])).stdout).environments[0]?.state).toBe("Synced");
    await world.commit({
      "environments/dev/environment.yaml":
        "targets:\n  settings: { kind: postgres-table, connection: live, table: app_settings }\n" +
        "  twin: { kind: postgres-table, connection: live, table: public.app_settings }\n",
      "environments/dev/twin.yaml": "pool: 1\n",
    });
    const ran = await world.run(["validate", "-o", "json"]);
    expect(ran.code).toBe(1);
    const { targets } = answer("validate", ran.stdout).environments[0] ?? { targets: [] };
    expect(targets.map(({ error }) => error?.code)).toEqual(["TARGET_CONFLICT", "TARGET_CONFLICT"]);
    expect(targets[0]?.error?.message).toContain("public.app_settings");
  });

  it("that holds the store and cannot be reached stops a command with what to do", async () => {
    world.put("trueup.yaml", CONFIG(`{ url: "${url}" }`, `postgres://trueup:${PASSWORD}@127.0.0.1:1/trueup`));
    const ran = await world.run(["status"]);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/^error: .* \(CONNECTION_FAILED\)\n {2}hint: /);
    expect(ran.stderr).not.toContain(PASSWORD);
    const doctor = answer("doctor", (await world.run(["doctor", "-o", "json"])).stdout);
    expect(doctor.checks.find(({ what }) => what === "store")?.result).toBe("failed");
    expect(doctor.checks.find(({ what }) => what === "dev/settings")?.result).toBe("ok");
  });
});

describe("an MQTT broker", () => {
  let broker: Broker;
  beforeEach(async () => {
    broker = await startBroker({ username: "trueup", password: PASSWORD });
    world = await makeWorld({
      config: CONFIG(`{ url: "${broker.url}", username: trueup, password: "\${BROKER_PASSWORD}" }`),
      files: {
        "environments/dev/environment.yaml": "targets:\n  broker: { kind: mqtt, connection: live, prefix: app }\n",
        "environments/dev/broker.yaml": "rooms/kitchen: { setpoint: 20.5 }\nmode: auto\n",
      },
    });
  });
  afterEach(() => broker.stop());
  const env = { BROKER_PASSWORD: PASSWORD };

  it("is brought to what git says, and its drift is found", async () => {
    expect(await world.run(["sync"], { env })).toMatchObject({ code: 0 });
    const client = await connectClient(broker.url, { username: "trueup", password: PASSWORD });
    await retain(client, [["app/rooms/kitchen", '{"setpoint":25}']]);
    await client.endAsync();
    const ran = await world.run(["diff", "-o", "json"], { env });
    expect(ran.code).toBe(2);
    expect(answer("diff", ran.stdout).environments[0]?.targets[0]?.findings).toMatchObject([
      { path: "/rooms~1kitchen/setpoint", kind: "modified", desired: 20.5, live: 25 },
    ]);
    expect(answer("doctor", (await world.run(["doctor", "-o", "json"], { env })).stdout).healthy).toBe(true);
  });

  it("that refuses the login, or hangs up, is Unknown with what to do", async () => {
    const wrong = await world.run(["doctor", "-o", "json"], { env: { BROKER_PASSWORD: "wr0ng-wr0ng" } });
    expect(wrong.code).toBe(1);
    expect(wrong.stdout).not.toContain("wr0ng-wr0ng");
    expect(answer("doctor", wrong.stdout).checks.at(-1)).toMatchObject({
      ...{ what: "dev/broker", result: "failed" },
      error: { code: "CONNECTION_DENIED", hint: expect.stringContaining("username and password") as string },
    });
    const diff = await world.run(["diff", "-o", "json"], { env: { BROKER_PASSWORD: "wr0ng-wr0ng" } });
    expect(diff.code).toBe(1);
    expect(answer("diff", diff.stdout).environments[0]?.targets[0]).toMatchObject({ state: "Unknown", findings: [] });

    const rude = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
    await new Promise((resolve) => rude.once("listening", resolve));
    const { port } = rude.address() as { port: number };
    world.put("trueup.yaml", CONFIG(`{ url: "mqtt://127.0.0.1:${port}" }`));
    const hung = await world.run(["diff", "-o", "json"]);
    rude.close();
    expect(hung.code).toBe(1);
    expect(answer("diff", hung.stdout).environments[0]?.targets[0]?.error?.code).toBe("CONNECTION_FAILED");
  });

  it("below whose prefix two environments write is refused by validate", async () => {
    const login = `{ url: "${broker.url}", username: trueup, password: "\${BROKER_PASSWORD}" }`;
    world.put("trueup.yaml", `${CONFIG(login)}  prod: { branch: dev, connections: { live: ${login} } }\n`);
    await world.commit({
      "environments/prod/environment.yaml": "targets:\n  rooms: { kind: mqtt, connection: live, prefix: app/rooms }\n",
      "environments/prod/rooms.yaml": "kitchen: 1\n",
    });
    const ran = await world.run(["validate", "-o", "json"], { env });
    expect(ran.code).toBe(1);
    const errors = answer("validate", ran.stdout).environments.map(({ targets }) => targets[0]?.error);
    expect(errors.map((error) => error?.code)).toEqual(["TARGET_CONFLICT", "TARGET_CONFLICT"]);
    expect(errors[1]?.message).toContain("target dev/broker claims mqtt 127.0.0.1");
  });
});
