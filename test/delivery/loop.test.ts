import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createEmulator, type Emulator } from "emulate";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { loadConfig } from "../../src/config/config.js";
import { deliverNow, runDelivery } from "../../src/delivery/delivery.js";
import { startBroker } from "../../src/demo/mqtt-broker.js";
import { doctor } from "../../src/operations/doctor.js";
import { notifyTest } from "../../src/operations/notify-test.js";
import { type HttpSink, startSink } from "../support/http-sink.js";
import { connectClient } from "../support/mqtt.js";
import { type MovableSession, openMovable } from "../support/store-clock.js";
import { cycle, makeWorld, syncNow, until, type World } from "../support/world.js";

const HOUR = 3_600_000;

/** One world and one store for all: each test begins and ends in sync, with the notifiers that it names. */
let world: World;
let sink: HttpSink;
let slack: Emulator;
let open: MovableSession;
let status: number;
let seen = 0;

beforeAll(async () => {
  sink = await startSink(() => ({ status }));
  slack = await createEmulator({ service: "slack", port: 0 });
  world = await makeWorld();
  await world.commit({
    "environments/prod/environment.yaml": "targets: { app: { kind: files, connection: host } }\n",
    "environments/prod/app/app.yaml": "port: 8080\nlevel: info\nmode: fast\n",
    "policies/drift.yaml": [
      "rules:",
      "  - { name: port, match: { path: '/*/port' }, severity: high, actions: [alert] }",
      "  - { name: level, match: { path: '/*/level' }, severity: medium, actions: [alert] }",
      "  - { name: mode, match: { path: '/*/mode' }, severity: critical, actions: [alert] }\n",
    ].join("\n"),
  });
  open = await openMovable(world);
  await syncNow(open.session);
});
afterEach(async () => {
  vi.useRealTimers();
  notifiers([]);
  await live({});
  await open.sql("DELETE FROM trueup.outbox");
  seen = sink.requests.length;
});
afterAll(async () => {
  await open.close();
  await world.close();
  await sink.close();
  await slack.close();
});

function notifiers(entries: readonly object[]): void {
  status = 204;
  const config = JSON.parse(readFileSync(world.configFile, "utf8")) as object;
  writeFileSync(world.configFile, JSON.stringify({ ...config, notifiers: entries }));
  open.session.reconfigure(loadConfig(world.configFile, {}));
}
const hook = (name: string, routing: object = {}) => ({
  ...{ kind: "webhook", name, url: `http://127.0.0.1:${sink.port}/${name}` },
  ...routing,
});
/** Somebody writes this on the host, and the controller looks. */
async function live(given: { port?: number; level?: string; mode?: string }): Promise<void> {
  const { port = 8080, level = "info", mode = "fast" } = given;
  writeFileSync(join(world.root(), "app.yaml"), `port: ${port}\nlevel: ${level}\nmode: ${mode}\n`);
  await cycle(open.session);
}
const deliver = () => deliverNow(open.session, { signal: open.session.stop, patience: 20_000 });
interface Told {
  readonly id: string;
  readonly kind: string;
  readonly title: string;
  readonly text: string;
  readonly incidents: readonly { readonly path: string; readonly live: unknown }[];
}
const told = (name: string): Told[] =>
  sink.requests
    .slice(seen)
    .filter(({ path }) => path === `/${name}`)
    .map(({ body }) => JSON.parse(body) as Told);
const restart = async (): Promise<void> => {
  await open.close();
  open = await openMovable(world);
};

describe("quiet hours", () => {
  // A window that is open now, whenever that is, and while the test runs.
  const quiet = { cron: `0 ${new Date().getUTCHours()} * * *`, duration: "2h" };

  it("hold back what is not critical, in order, over a restart", async () => {
    notifiers([hook("all", { quiet })]);
    await live({ port: 1 });
    await live({ port: 2 });
    await deliver();
    await restart();
    await deliver();
    expect(told("all")).toEqual([]);
    await open.pass(2 * HOUR);
    await deliver();
    expect(told("all").map(({ kind, incidents }) => [kind, incidents[0]?.live])).toEqual([
      ["opened", 1],
      ["changed", 2],
    ]);
  });

  it("are broken by what is critical, and an earlier message of the same incident comes with it", async () => {
    notifiers([hook("all", { quiet })]);
    await live({ port: 1, mode: "slow" });
    await live({ port: 1, mode: "off" });
    await deliver();
    expect(told("all").map(({ kind, incidents }) => [kind, incidents.length])).toEqual([
      ["opened", 2],
      ["changed", 1],
    ]);
  });
});

describe("a digest", () => {
  it("is one message about all that happened, with what is over", async () => {
    notifiers([hook("daily", { digest: { cron: "0 7 * * *", timezone: "Europe/Berlin" } })]);
    await live({ port: 1, level: "debug" });
    await live({ port: 2, level: "debug" });
    await live({ port: 2 });
    await deliver();
    expect(told("daily")).toEqual([]);
    await open.pass(25 * HOUR);
    await deliver();
    const [digest, ...others] = told("daily");
    expect(others).toEqual([]);
    expect(digest).toMatchObject({
      ...{ kind: "digest", title: "2 settings drifted since the last digest: 1 still, 1 not any more" },
      incidents: [{ path: "/app.yaml/port", live: 2 }, { path: "/app.yaml/level" }],
    });
    expect(digest?.text.split("\n")).toHaveLength(3);
  });
});

describe("escalation by age", () => {
  it("tells another notifier, once, and then of the end", async () => {
    notifiers([hook("first", { escalate: { after: "4h", to: "boss" } }), hook("boss", { when: "false" })]);
    await live({ port: 1 });
    await deliver();
    const later = Date.now();
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime(later + 3.9 * HOUR);
    await live({ port: 1 });
    vi.setSystemTime(later + 4.1 * HOUR);
    await live({ port: 1 });
    await live({ port: 1 });
    vi.setSystemTime(later + 9 * HOUR);
    await live({ port: 1 });
    await live({});
    await deliver();
    expect(told("first").map(({ kind }) => kind)).toEqual(["opened", "resolved"]);
    expect(told("boss").map(({ title }) => title)).toEqual([
      "prod/app: 1 setting has drifted for 4 h (high)",
      "prod/app: the drift of 1 setting is over: in sync again",
    ]);
  });
});

describe("threads", () => {
  it("hold all messages of an incident on Slack, over a restart; another incident has another", async () => {
    notifiers([{ kind: "slack", token: "xoxb-1", channel: "C000000001", apiUrl: `${slack.url}/api` }]);
    await live({ port: 1 });
    await deliver();
    await live({ port: 2, level: "debug" });
    await deliver();
    await restart();
    await live({ port: 2, level: "debug", mode: "slow" });
    await live({});
    await deliver();
    const call = async (method: string, query: object) => {
      const headers = { authorization: "Bearer xoxb-1", "content-type": "application/json" };
      const body = JSON.stringify({ channel: "C000000001", limit: 100, ...query });
      const answer = await fetch(`${slack.url}/api/${method}`, { method: "POST", headers, body });
      return ((await answer.json()) as { messages: { ts: string; text: string }[] }).messages;
    };
    const heads = (await call("conversations.history", {})).filter(({ text }) => text.includes("prod/app"));
    const threads = await Promise.all(heads.toReversed().map(({ ts }) => call("conversations.replies", { ts })));
    expect(threads.map((thread) => thread.map(({ text }) => text.replace("prod/app: ", "")))).toEqual([
      [
        "1 setting drifted (high)",
        "the drift of 1 setting changed (high)",
        "the drift of 1 setting is over: in sync again",
      ],
      ["1 setting drifted (medium)", "the drift of 1 setting is over: in sync again"],
      ["1 setting drifted (critical)", "the drift of 1 setting is over: in sync again"],
    ]);
  });
});

describe("states", () => {
  it("are shown on the broker as they come: Synced, Drifted, Unknown, Synced, and offline at the end", async () => {
    const broker = await startBroker();
    const client = await connectClient(broker.url, { protocolVersion: 4 });
    const heard: string[] = [];
    client.on("message", (topic, payload) => {
      const text = payload.toString();
      heard.push(topic.endsWith("/state") ? (JSON.parse(text) as { state: string }).state : text);
    });
    await client.subscribeAsync(["trueup/prod/state", "trueup/availability"], { qos: 1 });
    notifiers([{ kind: "mqtt", url: broker.url }]);
    const stop = new AbortController();
    await open.close();
    open = await openMovable(world, { stop: stop.signal });
    const delivery = runDelivery(open.session);
    const shown = async (state: string) => {
      open.session.news.ring();
      await until(() => heard.at(-1) === state);
    };
    await live({});
    await shown("Synced");
    await live({ port: 1 });
    await shown("Drifted");
    writeFileSync(join(world.root(), "app.yaml"), "port: [\n");
    await cycle(open.session);
    await shown("Unknown");
    await live({});
    await shown("Synced");
    stop.abort();
    await delivery;
    await restart();
    await until(() => heard.at(-1) === "offline");
    expect(heard.filter((state, index) => state !== heard[index - 1])).toEqual([
      ...["online", "Synced", "Drifted", "Unknown", "Synced", "offline"],
    ]);
    await client.endAsync();
    await broker.stop();
  });
});

describe("a receiver that takes nothing", () => {
  const warnings = async () => {
    const { warnings: found } = await doctor.run(open.session, {}, context());
    return found;
  };
  const context = () => ({ signal: open.session.stop, progress: () => undefined });

  it("is a warning of doctor: what waits, what was given up, and what is for nobody", async () => {
    notifiers([hook("all")]);
    status = 503;
    await live({ port: 1 });
    await deliver();
    expect(await warnings()).toEqual([
      expect.stringMatching(/^notifier all: 1 not delivered yet: DELIVERY_FAILED .*503/),
    ]);
    status = 401;
    for (let attempt = 0; attempt < 10; attempt += 1) {
      await open.pass(HOUR);
      await deliver();
    }
    expect(await warnings()).toEqual([expect.stringMatching(/^notifier all: 1 given up: DELIVERY_REFUSED .*401/)]);
    const given = world.logged.filter(({ level, message }) => level === "error" && message.startsWith("given up: "));
    expect(given).toHaveLength(1);
    // What was given up stands before nothing.
    status = 503;
    await live({});
    await deliver();
    notifiers([hook("renamed")]);
    expect(await warnings()).toContainEqual("notifier all: 1 wait for it, and trueup.yaml no longer names it");
  });

  it("is what `notify test` tells at once, and one that takes it gets a message beside the outbox", async () => {
    notifiers([hook("all", { when: "false", digest: { cron: "0 0 1 1 *" } })]);
    status = 403;
    const ask = (name: string) => notifyTest.run(open.session, { name, by: "ada@desk" }, context());
    await expect(ask("all")).rejects.toMatchObject({ code: "DELIVERY_REFUSED" });
    await expect(ask("al")).rejects.toMatchObject({ code: "USAGE", hint: expect.stringContaining("all") as string });
    status = 204;
    expect(await ask("all")).toMatchObject({ notifier: "all", kind: "webhook" });
    expect(told("all").at(-1)).toMatchObject({ kind: "test", text: expect.stringContaining("ada@desk") as string });
    expect(await warnings()).toEqual([]);
  });
});
