import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Broker, startBroker } from "../../src/demo/mqtt-broker.js";
import { reconcileEnvironment, refresh } from "../../src/reconcile/environment.js";
import type { Session } from "../../src/reconcile/session.js";
import { retain, connectClient } from "../support/mqtt.js";
import { postgresUnavailable, startPostgres, type TestPostgres } from "../support/postgres.js";
import {
  cycle,
  diffNow,
  eventList,
  events,
  findings,
  makeWorld,
  outcomes,
  syncNow,
  targetOf,
  until,
  type World,
} from "../support/world.js";

const HEAL = "rules: [{ name: all, match: { path: '/**' }, severity: low }]";

/** The loop on a PostgreSQL server, a broker and a store on a server. */
describe.skipIf(postgresUnavailable !== undefined)("on real systems", () => {
  let server: TestPostgres;
  let world: World;
  let session: Session;
  let database: string;
  let store: string;
  const sql = (text: string, values?: unknown[]) => server.sql(text, { url: database, ...(values && { values }) });

  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.close());
  beforeEach(async () => {
    database = await server.newDatabase();
    store = await server.newDatabase();
    await sql("CREATE TABLE app_settings (key text PRIMARY KEY, value jsonb NOT NULL)");
    world = await makeWorld({ store, connections: { database: { url: database, settings: ["*"] } } });
    session = world.open();
  });
  afterEach(() => world.close());

  const table = (settings: string, { target = "", environment = "", policy = HEAL } = {}) =>
    world.commit({
      "environments/prod/environment.yaml": `${environment}\ntargets: { settings: { kind: postgres-table, connection: database, table: app_settings ${target} } }\n`,
      "environments/prod/settings.yaml": settings,
      "policies/drift.yaml": policy,
    });
  const rows = async (): Promise<Record<string, unknown>> =>
    Object.fromEntries(
      (await sql("SELECT key, value FROM app_settings ORDER BY key")).map(({ key, value }) => [String(key), value]),
    );
  const many = (count: number, value: number) =>
    Array.from({ length: count }, (_, index) => `k${index}: ${value}\n`).join("");

  it("fifty idle cycles write nothing to the store, nor to the target", async () => {
    await table("a: 1\nb: { c: 2 }\n");
    await cycle(session);
    const written = async () => [
      await server.sql("SELECT target, xmin::text, ctid::text FROM trueup.target", { url: store }),
      await server.sql("SELECT count(*), max(id) FROM trueup.event", { url: store }),
      await server.sql("SELECT last_value FROM trueup.lease_token", { url: store }),
      await sql("SELECT key, xmin::text, ctid::text FROM app_settings"),
    ];
    const before = await written();
    for (let index = 0; index < 50; index += 1) expect((await cycle(session)).state).toBe("Synced");
    expect(await written()).toEqual(before);
  });

  it("lasting drift that is only reported is one event, however often it is seen", async () => {
    await table("a: 1\n", { policy: "{}" });
    await cycle(session);
    await sql("UPDATE app_settings SET value = '2'");
    for (let index = 0; index < 5; index += 1) expect(findings(await cycle(session))).toEqual(["/a modified"]);
    expect(await events(session)).toEqual(["synced /a", "drifted /a"]);
  });

  it("a plan beyond the blast radius is refused as a whole until a person confirms it", async () => {
    await table(many(30, 1));
    await cycle(session);
    await table(many(30, 2));
    const report = await cycle(session);
    expect(targetOf(report)).toMatchObject({ state: "Pending", refused: { code: "GUARD_REFUSED" } });
    await cycle(session);
    expect((await events(session)).filter((event) => event === "refused")).toHaveLength(1);
    expect(targetOf(await syncNow(session)).refused?.code).toBe("GUARD_REFUSED");
    expect(Object.values(await rows())).toEqual(Array(30).fill(1));
    expect((await syncNow(session, { confirm: true })).state).toBe("Synced");
    expect(Object.values(await rows())).toEqual(Array(30).fill(2));
  });

  it("a table that is suddenly empty is a read that failed, not drift, until a person confirms", async () => {
    await table("a: 1\nrooms: [{ id: k, t: 20 }, { id: b, t: 18 }]\n", { target: ", lists: { /rooms: { key: id } }" });
    await cycle(session);
    await sql("DELETE FROM app_settings");
    const report = await cycle(session);
    expect(targetOf(report)).toMatchObject({ state: "Unknown", error: { code: "GUARD_REFUSED" }, findings: [] });
    expect(targetOf(await diffNow(session)).state).toBe("Unknown");
    expect(await rows()).toEqual({});
    expect((await syncNow(session, { confirm: true })).state).toBe("Synced");
    expect(await rows()).toEqual({
      a: 1,
      rooms: [
        { id: "k", t: 20 },
        { id: "b", t: 18 },
      ],
    });
    // The confirmation was for that loss only.
    await sql("DELETE FROM app_settings");
    expect(targetOf(await cycle(session)).state).toBe("Unknown");
  });

  it("a confirmation of a small loss does not let a larger one through", async () => {
    await table("a: 1\nb: 2\nc: 3\n", { policy: "{}" });
    await cycle(session);
    await sql("DELETE FROM app_settings WHERE key = 'a'");
    expect(findings(await syncNow(session, { confirm: true }))).toEqual(["/a missing"]);
    await sql("DELETE FROM app_settings");
    expect(targetOf(await cycle(session)).state).toBe("Unknown");
  });

  it("`guards.acceptLoss` takes a loss for drift like any other", async () => {
    await table("a: 1\n", { policy: `${HEAL}\nguards: { acceptLoss: [settings] }` });
    await cycle(session);
    await sql("DELETE FROM app_settings");
    expect(outcomes(await cycle(session))).toEqual(["/a healed"]);
  });

  it("a target that is away is unknown: no finding, no `resolved`, and what was open is no news when it is back", async () => {
    await table("a: 1\nb: 1\n", { policy: "{}" });
    await cycle(session);
    await sql("UPDATE app_settings SET value = '2'");
    await cycle(session);
    const renamed = "ALTER TABLE app_settings RENAME TO";
    await sql(`${renamed} gone`);
    for (let index = 0; index < 3; index += 1) {
      expect(targetOf(await cycle(session))).toMatchObject({ state: "Unknown", findings: [] });
    }
    await sql("ALTER TABLE gone RENAME TO app_settings");
    await sql("UPDATE app_settings SET value = '1' WHERE key = 'b'");
    expect(findings(await cycle(session))).toEqual(["/a modified"]);
    expect((await events(session)).slice(2)).toEqual([
      "drifted /a",
      "drifted /b",
      "unknown",
      "recovered",
      "resolved /b",
    ]);
  });

  it("partial failure: what was written counts, what failed is told once", async () => {
    await sql("ALTER TABLE app_settings ADD CONSTRAINT bound CHECK (key <> 'bad' OR value < '5')");
    world.configure({ store, connections: { database: { url: database } } });
    await table("good: 1\nbad: 1\n");
    await cycle(session);
    await table("good: 2\nbad: 9\n");
    const report = targetOf(await cycle(session));
    expect(report).toMatchObject({ state: "Failed", error: { code: "WRITE_FAILED" } });
    const told = await events(session);
    for (let index = 0; index < 3; index += 1) await cycle(session);
    expect(await events(session)).toEqual(told);
    expect(told.filter((event) => event === "failed /bad")).toHaveLength(1);
    await table("good: 2\nbad: 3\n");
    expect((await cycle(session)).state).toBe("Synced");
    expect(await rows()).toEqual({ bad: 3, good: 2 });
  });

  it("what a person adopts while a pass is under way is not overwritten by that pass", async () => {
    await table("a: 1\n");
    await cycle(session);
    await sql("UPDATE app_settings SET value = '2'");
    // The pass read the store before the person decided, and gets to write after.
    const store = await session.store();
    const stale = { ...store.records, load: store.records.load.bind(store.records) };
    const before = await stale.load("prod");
    await syncNow(world.open({ holder: "person" }), { adopt: "live" });
    let asked = 0;
    Object.assign(store.records, {
      load: (environment: string) => ((asked += 1) === 1 ? Promise.resolve(before) : stale.load(environment)),
    });
    expect(outcomes(await cycle(session))).toEqual([]);
    expect(asked).toBeGreaterThan(1);
    expect(await rows()).toEqual({ a: 2 });
  });

  it("two controllers on one store never write to an environment at the same time", async () => {
    await table("a: 1\n");
    await cycle(session);
    await sql("UPDATE app_settings SET value = '2'");
    const held = await (await session.store()).leases.acquire("prod", { holder: "the other one" });
    const other = world.open({ holder: "second" });
    const report = targetOf(await cycle(other));
    expect(report).toMatchObject({
      refused: { code: "STORE_BUSY", message: expect.stringContaining("the other one") as string },
    });
    expect(await rows()).toEqual({ a: 2 });
    await held?.release();
    const both = await Promise.all([cycle(session), cycle(other)]);
    expect(both.flatMap((one) => outcomes(one)).filter((outcome) => outcome === "/a healed")).toHaveLength(1);
    expect((await events(session)).filter((event) => event.startsWith("healed"))).toHaveLength(1);
  });

  it("losing the store is first contact, never damage", async () => {
    await table("a: 1\nb: 1\n", { environment: "prune: true" });
    await cycle(session);
    await sql("UPDATE app_settings SET value = '2' WHERE key = 'a'");
    await table("a: 1\n", { environment: "prune: true" });
    await session.close();
    await server.sql("DROP SCHEMA trueup CASCADE", { url: store });
    const after = world.open();
    expect(findings(await cycle(after))).toEqual(["/a conflicted"]);
    expect(await rows()).toEqual({ a: 2, b: 1 });
  });

  it("losing the seal key is first contact for what is sealed, and a damaged one is refused", async () => {
    await table("password: old\nplain: 1\n");
    await cycle(session);
    rmSync(join(world.stateDirectory, "seal.key"));
    const after = world.open();
    expect((await cycle(after)).state).toBe("Synced");
    rmSync(join(world.stateDirectory, "seal.key"));
    await table("password: new\nplain: 2\n");
    const third = world.open();
    expect(findings(await cycle(third))).toEqual(["/password conflicted"]);
    expect(await rows()).toEqual({ password: "old", plain: 2 });
    writeFileSync(join(world.stateDirectory, "seal.key"), "");
    expect((await cycle(world.open())).error).toMatchObject({ code: "STORE_FAILED" });
    expect(await rows()).toEqual({ password: "old", plain: 2 });
  });

  it("a store of a newer version is refused, and nothing is touched", async () => {
    await table("a: 1\n");
    await session.store();
    await server.sql("INSERT INTO trueup.migration VALUES (9999, '9999_future.sql', 'x', now())", { url: store });
    await sql("INSERT INTO app_settings VALUES ('a', '7')");
    expect(await cycle(world.open())).toMatchObject({ state: "Failed", error: { code: "STORE_TOO_NEW" } });
    expect(await rows()).toEqual({ a: 7 });
  });

  it("a secret that was missing is taken as soon as it is there, and a changed one is applied", async () => {
    await table("plain: 1\nlogin: '${secret:login}'\n");
    expect(targetOf(await cycle(session))).toMatchObject({ state: "Failed", error: { code: "SECRET_MISSING" } });
    mkdirSync(join(world.folder, "secrets"));
    writeFileSync(join(world.folder, "secrets", "login"), "first");
    expect((await cycle(session)).state).toBe("Synced");
    writeFileSync(join(world.folder, "secrets", "login"), "second");
    expect(outcomes(await cycle(session))).toEqual(["/login synced"]);
    expect(await rows()).toEqual({ login: "second", plain: 1 });
  });

  it("server settings: a restart that is due is its own outcome, an unreachable value is told once and left", async () => {
    await world.commit({
      "environments/prod/environment.yaml": "targets: { server: { kind: postgres-settings, connection: database } }\n",
      "environments/prod/server.yaml": "work_mem: 8192kB\nmax_connections: 123\neffective_cache_size: 5001kB\n",
      "policies/drift.yaml": HEAL,
    });
    const adopted = await syncNow(session, { adopt: "desired" });
    expect(outcomes(adopted)).toEqual([
      "/work_mem synced",
      "/max_connections pendingRestart",
      "/effective_cache_size unreachable",
    ]);
    expect(targetOf(adopted)).toMatchObject({ pendingRestart: ["/max_connections"] });
    const told = await events(session);
    for (let index = 0; index < 3; index += 1) {
      const report = await cycle(session);
      expect(outcomes(report)).toEqual([]);
      expect(targetOf(report).findings.map(({ path, actions, note }) => [path, actions, note !== undefined])).toEqual([
        ["/effective_cache_size", [], true],
      ]);
    }
    expect(await events(session)).toEqual(told);
    expect(told).toContain("unreachable /effective_cache_size");
    // Git says what the server can hold: over.
    await world.commit({
      "environments/prod/server.yaml": "work_mem: 8192kB\nmax_connections: 123\neffective_cache_size: 5000kB\n",
    });
    expect(await cycle(session)).toMatchObject({ state: "Synced" });
    for (const name of ["work_mem", "max_connections", "effective_cache_size"]) await sql(`ALTER SYSTEM RESET ${name}`);
  });

  it("sensitive values are nowhere: not in the store, the history, reports or logs", async () => {
    const secrets = Object.fromEntries(
      ["login", "old", "new", "dsn", "nested", "inSet", "former", "edited"].map((name) => [
        name,
        `${randomBytes(9).toString("hex")}"\\/é %${name}`,
      ]),
    ) as Record<string, string>;
    mkdirSync(join(world.folder, "secrets"));
    const put = (name: string, value = "") => {
      writeFileSync(join(world.folder, "secrets", name), value);
    };
    put("login", secrets["old"]);
    put("nested", secrets["nested"]);
    put("former", secrets["former"]);
    const dsn = (password = "") => `postgres://app:${encodeURIComponent(password)}@db/x`;
    const document = (extra: string) =>
      `login: "\${secret:login}"
addresses: [${JSON.stringify(dsn(secrets["inSet"]))}, plain]
zones: [{ id: a, rooms: [{ id: k, note: "\${secret:nested}" }] }]
${extra}`;
    const options = {
      target: ", lists: { /zones: { key: id }, /zones/*/rooms: { key: id }, /addresses: set }",
      policy: `rules:
  - { name: number, when: 'double(finding.desired) > 1.0', severity: high }
  - { name: strangers, match: { kind: unmanaged, path: /relay }, severity: medium }`,
    };
    const reports: unknown[] = [];
    await table(document(`relay: "\${secret:former}"\nhost: "${dsn(secrets["dsn"]).replace("?", "")}"\n`), options);
    reports.push(await diffNow(session), await cycle(session));
    // Drift on each, git moves each, one is no longer named: every kind of finding with a secret in it.
    await sql("UPDATE app_settings SET value = to_jsonb($1::text) WHERE key IN ('login', 'relay')", [
      secrets["edited"],
    ]);
    await sql("UPDATE app_settings SET value = '[]' WHERE key = 'zones'");
    reports.push(await diffNow(session), await cycle(session));
    put("login", secrets["new"]);
    await table(document(""), options);
    reports.push(await diffNow(session), await cycle(session), await syncNow(session, { adopt: "live" }));
    await sql("DELETE FROM app_settings WHERE key <> 'login'");
    reports.push(await cycle(session), await syncNow(session, { adopt: "desired", confirm: true }));
    expect(await rows()).toMatchObject({ login: secrets["new"] });

    const dump = await server.sql(
      "SELECT to_jsonb(t)::text AS text FROM trueup.target t UNION ALL SELECT to_jsonb(e)::text FROM trueup.event e",
      { url: store },
    );
    expect(dump.length).toBeGreaterThan(8);
    const everything = [
      ...dump.map(({ text }) => String(text)),
      JSON.stringify(reports),
      JSON.stringify(world.logged),
      JSON.stringify(await eventList(session)),
    ].join("\n");
    for (const [name, value] of Object.entries(secrets)) {
      const forms = [
        value,
        JSON.stringify(value).slice(1, -1),
        encodeURIComponent(value),
        btoa(encodeURIComponent(value)),
      ];
      // The random part alone, and in base64 at each of the three alignments.
      forms.push(value.slice(0, 18));
      for (let shift = 0; shift < 3; shift += 1) {
        forms.push(Buffer.from(value.slice(shift, 18)).toString("base64").slice(0, 20));
      }
      for (const form of forms) expect(everything.includes(form), `${name} as ${form}`).toBe(false);
    }
  });

  describe("a system that accepts and never answers", () => {
    let tarpit: Server;
    beforeEach(async () => {
      tarpit = createServer(() => undefined).listen(0, "127.0.0.1");
      await once(tarpit, "listening");
    });
    afterEach(() => {
      tarpit.close();
    });

    it("is unknown after its time-out, and delays no other target", async () => {
      const { port } = tarpit.address() as { port: number };
      world.configure({
        store,
        connections: {
          database: { url: database },
          dead: { url: `postgres://u:p@127.0.0.1:${port}/x` },
          mute: { url: `mqtt://127.0.0.1:${port}` },
        },
      });
      await world.commit({
        "environments/prod/environment.yaml": `targets:
  settings: { kind: postgres-table, connection: database, table: app_settings }
  dead: { kind: postgres-table, connection: dead, table: t, timeout: 500ms }
  mute: { kind: mqtt, connection: mute, prefix: p, timeout: 500ms }
`,
        "environments/prod/settings.yaml": "a: 1\n",
        "environments/prod/dead.yaml": "a: 1\n",
        "environments/prod/mute.yaml": "a: 1\n",
      });
      const own = world.open();
      const branches = await refresh(own, own.stop);
      const done: string[] = [];
      const progress = ({ name }: { name: string }) => void done.push(name);
      const report = await reconcileEnvironment(
        own,
        { environment: "prod", branches, signal: own.stop, progress },
        { sync: false, confirm: false },
      );
      expect(done[0]).toBe("settings");
      expect(report.targets.map(({ state }) => state)).toEqual(["Synced", "Unknown", "Unknown"]);
      expect(targetOf(report, "dead").error?.code).toBe("TARGET_TIMEOUT");
    });
  });
});

describe("a broker", () => {
  let world: World;
  let broker: Broker;
  let session: Session;

  beforeEach(async () => {
    broker = await startBroker();
    world = await makeWorld({ connections: { broker: { url: broker.url } } });
    session = world.open();
    await world.commit({
      "environments/prod/environment.yaml": "targets: { broker: { kind: mqtt, connection: broker, prefix: site } }\n",
      "environments/prod/broker.yaml": "kitchen: { setpoint: 21 }\nhall: 18\n",
      "policies/drift.yaml": HEAL,
    });
  });
  afterEach(async () => {
    await world.close();
    await broker.stop();
  });

  it("that lost its retained messages is unknown; a person's word brings them back", async () => {
    expect((await cycle(session)).state).toBe("Synced");
    const { port } = broker;
    await broker.stop();
    expect(targetOf(await cycle(session)).state).toBe("Unknown");
    broker = await startBroker({ port });
    await until(async () => {
      expect(targetOf(await cycle(session)).error?.code).toBe("GUARD_REFUSED");
    });
    const report = await syncNow(session, { confirm: true });
    expect(outcomes(report).sort()).toEqual(["/hall healed", "/kitchen/setpoint healed"]);
    expect(await events(session)).toEqual([
      "synced /kitchen/setpoint",
      "synced /hall",
      "unknown",
      ...((await events(session)).filter((event) => event === "unknown").length === 2 ? ["unknown"] : []),
      ...outcomes(report).map((outcome) => `healed ${outcome.split(" ")[0] ?? ""}`),
      "recovered",
    ]);
  });

  it("heals a topic that somebody published, and one that somebody cleared", async () => {
    await cycle(session);
    const client = await connectClient(broker.url);
    await retain(client, [
      ["site/hall", "30"],
      ["site/kitchen", '{"setpoint":25}'],
    ]);
    await until(async () => {
      await cycle(session);
      const healed = (await events(session)).filter((event) => event.startsWith("healed"));
      expect(healed.sort()).toEqual(["healed /hall", "healed /kitchen/setpoint"]);
    });
    await client.endAsync();
    expect(existsSync(world.stateDirectory)).toBe(true);
    expect(readFileSync(world.configFile, "utf8")).toContain(broker.url);
  });
});
