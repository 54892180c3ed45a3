import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { loadConfig } from "../../src/config/config.js";
import { type Broker, startBroker } from "../../src/demo/mqtt-broker.js";
import { type Controller, runController } from "../../src/reconcile/run.js";
import type { Session } from "../../src/reconcile/session.js";
import { postgresTable } from "../../src/targets/postgres-table/index.js";
import { startGitServer } from "../support/git-server.js";
import { connectClient, retain } from "../support/mqtt.js";
import { postgresUnavailable, startPostgres, type TestPostgres } from "../support/postgres.js";
import { eventList, events, makeWorld, until, type World, type WorldOptions } from "../support/world.js";

const HEAL = "rules: [{ name: all, match: { path: '/**' }, severity: low }]";
const live = (world: World, environment = "prod"): string =>
  readFileSync(join(world.root(environment), "app.env"), "utf8");
const drift = (world: World, text: string, environment = "prod"): void => {
  writeFileSync(join(world.root(environment), "app.env"), text);
};

/** The controller in this process, on real git, files, brokers and databases. */
describe("the controller", () => {
  let world: World;
  let session: Session;
  let controller: Controller | undefined;
  let stop: AbortController;

  async function start(options: WorldOptions = {}): Promise<void> {
    world.configure(options);
    stop = new AbortController();
    session = world.open({ stop: stop.signal });
    await session.store();
    controller = runController(session);
  }
  const files = (text: string, environment = "prod") =>
    world.commit(
      {
        [`environments/${environment}/environment.yaml`]: "targets: { app: { kind: files, connection: host } }\n",
        [`environments/${environment}/app/app.env`]: text,
        "policies/drift.yaml": HEAL,
      },
      { branch: environment },
    );
  /** Until git was asked so many times more: each time begins a cycle, after the one before has ended. */
  const cycles = async (count: number): Promise<void> => {
    const asked = vi.spyOn(await session.source(), "refresh");
    await until(() => asked.mock.calls.length >= count);
    asked.mockRestore();
  };
  const said = (text: string) => world.logged.some(({ message }) => message.includes(text));

  beforeEach(async () => {
    world = await makeWorld({ environments: ["prod", "dev"] });
  });
  afterEach(async () => {
    stop.abort();
    await controller?.done;
    await world.close();
  });

  it("applies what git says, heals a file at once, and applies the next commit at the next interval", async () => {
    await files("A=1\n");
    await start({ interval: "1h" });
    await until(() => live(world) === "A=1\n");
    await controller?.settled;
    // One interval is an hour: what follows is push alone.
    drift(world, "A=2\n");
    await until(() => live(world) === "A=1\n");
    await files("A=5\n");
    drift(world, "A=3\n");
    await until(() => live(world) === "A=1\n");
    controller?.tick();
    await until(() => live(world) === "A=5\n");
  });

  it("goes on with the mirror where git is away, and with nothing at all where it never was there", async () => {
    await files("A=1\n");
    const git = await startGitServer({ root: world.folder });
    const url = `${git.url}/environments-repository/.git`;
    git.answer = 503;
    await start({ url, interval: "300ms" });
    await until(() => world.logged.some(({ level, fields }) => level === "error" && fields["event"] === "git"));
    git.answer = "git";
    await until(() => live(world) === "A=1\n");
    git.answer = "never";
    drift(world, "A=2\n");
    await until(() => live(world) === "A=1\n");
    // Another controller starts while git hangs: the mirror is there.
    stop.abort();
    await controller?.done;
    await session.close();
    drift(world, "A=3\n");
    await start({ url, interval: "300ms" });
    await until(() => live(world) === "A=1\n", { within: 15_000 });
    await git.close();
  });

  it("takes up a target that a commit brings, and lets go of one that a commit takes away", async () => {
    await files("A=1\n");
    await start({ interval: "200ms" });
    await until(() => live(world) === "A=1\n");
    await world.commit({
      "environments/prod/environment.yaml":
        "targets: { app: { kind: files, connection: host }, more: { kind: files, connection: host } }\n",
      "environments/prod/more/more.yaml": "x: 1\n",
    });
    const more = join(world.root(), "more.yaml");
    await until(() => readFileSync(more, "utf8").includes("x: 1"));
    await files("A=1\n");
    await until(async () => (await events(session)).includes("retired"));
    writeFileSync(more, "x: 2\n");
    drift(world, "A=9\n");
    await until(() => live(world) === "A=1\n");
    await cycles(3);
    expect(readFileSync(more, "utf8")).toBe("x: 2\n");
  });

  it("an environment that git no longer describes fails its targets, in the status too, and comes back", async () => {
    await files("A=1\n");
    await start({ interval: "200ms" });
    await until(() => live(world) === "A=1\n");
    await world.commit({ "environments/prod/environment.yaml": "targets: [\n" });
    await until(async () => (await events(session)).includes("failed"));
    drift(world, "A=2\n");
    await cycles(3);
    expect(live(world)).toBe("A=2\n");
    await files("A=1\n");
    await until(() => live(world) === "A=1\n");
    expect((await events(session)).filter((event) => event === "failed")).toHaveLength(1);
  });

  it("goes on with another trueup.yaml: interval, concurrency, connections", async () => {
    await files("A=1\n");
    await start({ interval: "1h" });
    await until(() => live(world) === "A=1\n");
    await controller?.settled;
    const elsewhere = join(world.folder, "elsewhere");
    mkdirSync(elsewhere);
    world.configure({ interval: "200ms", concurrency: 2, connections: { host: { root: elsewhere } } });
    session.reconfigure(loadConfig(world.configFile, {}));
    controller?.tick();
    const moved = join(elsewhere, "app.env");
    // Last applied was of the old place: that all of it is missing in the new one is a loss that nobody confirmed.
    await until(() => said("suddenly empty"));
    writeFileSync(moved, "A=1\n");
    // The new interval holds: a commit is seen without a tick.
    await files("A=3\n");
    await until(() => readFileSync(moved, "utf8") === "A=3\n");
    expect(live(world)).toBe("A=1\n");
    world.configure({ store: "postgres://h/d" });
    expect(() => {
      session.reconfigure(loadConfig(world.configFile, {}));
    }).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }) as Error);
  });

  it("leaves when nothing is in hand, and waits for no interval", async () => {
    await files("A=1\n");
    await start({ interval: "1h" });
    await controller?.settled;
    stop.abort();
    await controller?.done;
    expect(live(world)).toBe("A=1\n");
  });

  it("gathers nothing over its cycles: no listener, no timer, no target", async () => {
    await files("A=1\n");
    await start({ interval: "20ms" });
    await controller?.settled;
    let added = 0;
    const { stop } = session;
    const [add, remove] = [stop.addEventListener.bind(stop), stop.removeEventListener.bind(stop)];
    Object.assign(stop, {
      addEventListener: (...args: Parameters<typeof add>) => {
        added += 1;
        add(...args);
      },
      removeEventListener: (...args: Parameters<typeof remove>) => {
        added -= 1;
        remove(...args);
      },
    });
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
    const before = timers();
    for (let index = 0; index < 100; index += 1) {
      controller?.tick();
      await delay(5);
    }
    await until(() => {
      expect(added).toBeLessThan(10);
      expect(timers()).toBeLessThan(before + 10);
    });
  });

  describe("with systems that accept and never answer", () => {
    const tarpit = async () => {
      const open = new Set<Socket>();
      const server = createServer((socket) => {
        open.add(socket);
        socket.on("error", () => undefined).on("close", () => open.delete(socket));
      }).listen(0, "127.0.0.1");
      await once(server, "listening");
      return { server, open, url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}` };
    };
    let first: Awaited<ReturnType<typeof tarpit>>;
    let second: Awaited<ReturnType<typeof tarpit>>;
    beforeEach(async () => {
      [first, second] = [await tarpit(), await tarpit()];
    });
    afterEach(() => {
      for (const { server } of [first, second]) server.close();
    });

    it("the ones that answer wait for none of them, whatever the concurrency, nor does whoever leaves", async () => {
      const dead = ["d1", "d2", "d3"];
      const declare = (connection: string, timeout: string, app: string) =>
        world.commit({
          "environments/prod/environment.yaml": `targets:
  app: { kind: files, connection: host }
${dead.map((name) => `  ${name}: { kind: mqtt, connection: ${connection}, prefix: ${name}, timeout: ${timeout} }\n`).join("")}`,
          "environments/prod/app/app.env": app,
          ...Object.fromEntries(dead.map((name) => [`environments/prod/${name}.yaml`, "a: 1\n"])),
          // The same setting again and again is what this test is about.
          "policies/drift.yaml": `${HEAL}\nguards: { flapping: { heals: 100, within: 1s } }\n`,
        });
      await declare("first", "500ms", "A=1\n");
      await start({
        interval: "300ms",
        concurrency: 2,
        connections: { first: { url: first.url }, second: { url: second.url } },
      });
      await until(async () => (await events(session)).filter((event) => event === "unknown").length === 3);
      // From here on a look at them takes longer than this test may: whoever waits for one fails it.
      await declare("second", "10m", "A=2\n");
      await until(() => live(world) === "A=2\n" && second.open.size > 0);
      const hanging = [...second.open];
      for (let round = 0; round < 5; round += 1) {
        drift(world, `A=9${round}\n`);
        await until(() => live(world) === "A=2\n");
      }
      expect(hanging.filter((socket) => !second.open.has(socket))).toEqual([]);
      stop.abort();
      await controller?.done;
    });
  });

  describe("with a broker", () => {
    let broker: Broker;
    beforeEach(async () => {
      broker = await startBroker();
    });
    afterEach(() => broker.stop());

    it("heals a topic at once, and backs off while the broker is away", async () => {
      await world.commit({
        "environments/prod/environment.yaml":
          "targets: { broker: { kind: mqtt, connection: broker, prefix: site, timeout: 2s } }\n",
        "environments/prod/broker.yaml": "hall: 18\nattic: 16\n",
        "policies/drift.yaml": HEAL,
      });
      await start({ interval: "1h", connections: { broker: { url: broker.url } } });
      await until(async () => (await events(session)).includes("synced /hall"));
      await controller?.settled;
      const client = await connectClient(broker.url);
      await retain(client, [["site/hall", "30"]]);
      await until(async () => (await events(session)).includes("healed /hall"));
      await client.endAsync();
      const { port } = broker;
      await broker.stop();
      controller?.tick();
      await until(async () => (await events(session)).includes("unknown"));
      broker = await startBroker({ port });
      // It came back without its retained messages: still unknown, for a reason of its own.
      await until(async () => (await eventList(session)).some(({ message }) => message.includes("suddenly empty")), {
        within: 20_000,
      });
    });
  });

  describe.skipIf(postgresUnavailable !== undefined)("with a server", () => {
    let server: TestPostgres;
    beforeAll(async () => {
      server = await startPostgres();
    });
    afterAll(() => server.close());

    it("heals a table at once where the trigger is installed, and goes on when the store was away", async () => {
      const database = await server.newDatabase();
      const store = await server.newDatabase();
      const sql = (text: string) => server.sql(text, { url: database });
      await sql("CREATE TABLE app_settings (key text PRIMARY KEY, value jsonb NOT NULL)");
      const spec = postgresTable.spec.parse({ table: "app_settings" });
      const connection = postgresTable.connection.parse({ url: database });
      const setup = await postgresTable.push?.({ environment: "prod", name: "settings", spec, connection, lists: {} });
      await setup?.run("install", new AbortController().signal);
      await world.commit({
        "environments/prod/environment.yaml":
          "targets: { settings: { kind: postgres-table, connection: database, table: app_settings } }\n",
        "environments/prod/settings.yaml": "a: 1\n",
        "policies/drift.yaml": HEAL,
      });
      await start({ interval: "500ms", store, connections: { database: { url: database } } });
      const value = async () => (await sql("SELECT value FROM app_settings WHERE key = 'a'"))[0]?.["value"];
      await until(async () => (await value()) === 1);
      await controller?.settled;
      await sql("UPDATE app_settings SET value = '2'");
      await until(async () => (await value()) === 1);
      // The store's database goes away under the controller.
      const name = new URL(store).pathname.slice(1);
      await server.sql(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
      await server.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`);
      await sql("UPDATE app_settings SET value = '3'");
      await until(() => world.logged.some(({ level, message }) => level === "error" && message.includes("the store")));
      await server.sql(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
      await until(async () => (await value()) === 1, { within: 15_000 });
    });

    it("a write that is in hand when it shall leave is finished, and remembered", async () => {
      const database = await server.newDatabase();
      const store = await server.newDatabase();
      const sql = (text: string) => server.sql(text, { url: database });
      await sql("CREATE TABLE app_settings (key text PRIMARY KEY, value jsonb NOT NULL)");
      await sql(`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(1); RETURN NEW; END $$`);
      await sql("CREATE TRIGGER slow BEFORE INSERT ON app_settings FOR EACH STATEMENT EXECUTE FUNCTION slow()");
      await world.commit({
        "environments/prod/environment.yaml":
          "targets: { settings: { kind: postgres-table, connection: database, table: app_settings } }\n",
        "environments/prod/settings.yaml": "a: 1\nb: 2\n",
        "policies/drift.yaml": HEAL,
      });
      await start({ store, connections: { database: { url: database } } });
      await until(async () => {
        const active = await server.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
        return active.length > 0;
      });
      stop.abort();
      await controller?.done;
      const rows = await sql("SELECT key FROM app_settings ORDER BY key");
      const saved = await server.sql("SELECT last_applied, status FROM trueup.target", { url: store });
      // All or nothing, and the store says which.
      expect([0, 2]).toContain(rows.length);
      const lastApplied = saved[0]?.["last_applied"];
      const known = typeof lastApplied === "string" ? Object.keys(JSON.parse(lastApplied) as object).length : 0;
      expect(known).toBe(rows.length);
      expect(await server.sql("SELECT * FROM trueup.lease", { url: store })).toEqual([]);
    });
  });
});
