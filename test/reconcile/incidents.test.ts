import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runDelivery } from "../../src/delivery/delivery.js";
import type { Session } from "../../src/reconcile/session.js";
import { type HttpSink, startSink } from "../support/http-sink.js";
import { newStores } from "../support/stores.js";
import { cycle, makeWorld, syncNow, until, type World } from "../support/world.js";

interface Told {
  readonly id: string;
  readonly kind: string;
  readonly title: string;
  readonly severity: string;
  readonly incidents: readonly { readonly path: string; readonly live: unknown; readonly note?: string }[];
}

const newStore = newStores();
let world: World;
let sink: HttpSink;
let isDown: boolean;

beforeEach(async () => {
  isDown = false;
  sink = await startSink(() => ({ status: isDown ? 503 : 204 }));
  world = await makeWorld(await newStore());
  await world.commit({
    "environments/prod/environment.yaml": "targets: { app: { kind: files, connection: host } }\n",
    "environments/prod/app/app.yaml": "port: 8080\nlevel: info\nmode: fast\n",
    "policies/drift.yaml": [
      "rules:",
      "  - { name: port, match: { path: '/*/port' }, severity: high, actions: [alert] }",
      "  - { name: level, match: { path: '/*/level' }, severity: medium, actions: [alert] }",
      "  - { name: mode, match: { path: '/*/mode' }, severity: critical, actions: [heal, alert] }\n",
    ].join("\n"),
  });
});
afterEach(async () => {
  await world.close();
  await sink.close();
});

const live = (text: string): void => {
  writeFileSync(join(world.root(), "app.yaml"), text);
};
const url = (path: string): string => `http://127.0.0.1:${sink.port}/${path}`;
const notifiers = (entries: readonly Record<string, unknown>[]): void => {
  const config = JSON.parse(readFileSync(world.configFile, "utf8")) as Record<string, unknown>;
  writeFileSync(world.configFile, JSON.stringify({ ...config, notifiers: entries }));
};
const told = (path = "all"): Told[] =>
  sink.requests.filter((request) => request.path === `/${path}`).map(({ body }) => JSON.parse(body) as Told);
const kinds = (path = "all"): string[] => told(path).map(({ kind }) => kind);
const waiting = async (session: Session) => (await (await session.store()).outbox.summary())[0]?.waiting ?? 0;

/** Passes as the controller makes them, with its lanes. */
async function controller(work: (session: Session) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const session = world.open({ stop: stop.signal });
  const delivery = runDelivery(session);
  try {
    await work(session);
  } finally {
    stop.abort();
    await delivery;
    await session.close();
  }
}

describe("incidents", () => {
  it("are told once each step: opened, fifty cycles of nothing, changed, resolved; a restart in between doubles none", async () => {
    notifiers([
      { kind: "webhook", name: "all", url: url("all") },
      { kind: "webhook", name: "urgent", url: url("urgent"), when: 'severity in ["high", "critical"]' },
    ]);
    await controller(async (session) => {
      await syncNow(session);
      live("port: 1\nlevel: debug\nmode: fast\n");
      await cycle(session);
      await until(() => told().length === 1 && told("urgent").length === 1);
      for (let count = 0; count < 50; count += 1) await cycle(session);
    });
    expect(told()).toMatchObject([{ kind: "opened", title: "prod/app: 2 settings drifted (high)", severity: "high" }]);
    expect(told("urgent")).toMatchObject([{ title: "prod/app: 1 setting drifted (high)" }]);

    await controller(async (session) => {
      await cycle(session);
      live("port: 2\nlevel: debug\nmode: fast\n");
      await cycle(session);
      await until(() => told().length === 2 && told("urgent").length === 2);
      live("port: 8080\nlevel: info\nmode: fast\n");
      await cycle(session);
      await cycle(session);
      await until(() => told().length === 3 && told("urgent").length === 3);
      expect(await waiting(session)).toBe(0);
    });
    expect(kinds()).toEqual(["opened", "changed", "resolved"]);
    expect(kinds("urgent")).toEqual(["opened", "changed", "resolved"]);
    expect(told()[1]?.incidents).toMatchObject([{ path: "/app.yaml/port", live: 2 }]);
    expect(told()[2]?.incidents.map(({ note }) => note)).toEqual(["in sync again", "in sync again"]);
    expect(new Set(told().map(({ id }) => id)).size).toBe(3);
  });

  it("that are healed in the pass that found them are told, with their end", async () => {
    notifiers([{ kind: "webhook", name: "all", url: url("all") }]);
    const session = world.open();
    await syncNow(session);
    live("port: 8080\nlevel: info\nmode: slow\n");
    await syncNow(session);
    expect(told()).toMatchObject([
      { kind: "opened", severity: "critical", incidents: [{ path: "/app.yaml/mode", live: "slow" }] },
      { kind: "resolved", incidents: [{ note: "healed" }] },
    ]);
  });

  it("are not resolved by a target that cannot be read", async () => {
    notifiers([{ kind: "webhook", name: "all", url: url("all") }]);
    const session = world.open();
    await syncNow(session);
    live("port: 1\nlevel: info\nmode: fast\n");
    await syncNow(session);
    live("port: [\n");
    expect((await syncNow(session)).state).toBe("Unknown");
    expect(kinds()).toEqual(["opened"]);
  });

  it("wait in the outbox for a sink that is down, in order, and come once it is up again, also after a restart", async () => {
    notifiers([{ kind: "webhook", name: "all", url: url("all") }]);
    isDown = true;
    const first = world.open();
    await syncNow(first);
    live("port: 1\nlevel: info\nmode: fast\n");
    await syncNow(first);
    live("port: 2\nlevel: info\nmode: fast\n");
    await syncNow(first);
    expect(await waiting(first)).toBe(2);
    await first.close();

    const attempts = told().length;
    isDown = false;
    await controller(async (session) => {
      await until(() => told().length === attempts + 2, { within: 20_000 });
      await until(async () => (await waiting(session)) === 0);
    });
    expect(kinds().slice(attempts)).toEqual(["opened", "changed"]);
    // Every attempt at a message bears its id.
    expect(new Set(told().map(({ id }) => id)).size).toBe(2);
  }, 60_000);
});
