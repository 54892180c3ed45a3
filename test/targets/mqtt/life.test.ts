import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MqttClient } from "mqtt";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Change } from "../../../src/core/change.js";
import { startBroker } from "../../../src/demo/mqtt-broker.js";
import type { MqttConnection } from "../../../src/targets/mqtt/spec.js";
import type { Target } from "../../../src/targets/target.js";
import { mosquittoUnavailable, startMosquitto } from "../../support/mosquitto.js";
import { brokerCases, connectClient, openTarget, retain } from "../../support/mqtt.js";

const prefix = "predictor/config";
const spec = { prefix, payload: "auto" } as const;
const none = new Set<string>();
const signal = () => AbortSignal.timeout(20_000);
const read = async (target: Target) => (await target.observe(none, signal())).document;

/** What a subscriber of the prefix finds there now, Trueup's own topics included. */
async function retainedTopics(url: string): Promise<string[]> {
  const client = await connectClient(url);
  const topics: string[] = [];
  client.on("message", (topic, payload) => {
    if (payload.length > 0) topics.push(topic);
  });
  const end = `end/${Math.random()}`;
  await retain(client, [[end, "x"]]);
  await client.subscribeAsync([`${prefix}/#`, end]);
  await expect.poll(() => topics.includes(end)).toBe(true);
  await retain(client, [[end, undefined]]);
  await client.endAsync(true);
  return topics.filter((topic) => topic !== end).sort();
}

for (const { name, unavailable, protocolVersion, start } of brokerCases) {
  describe.skipIf(unavailable !== undefined)(`living with a broker (${unavailable ?? name})`, () => {
    let broker: Awaited<ReturnType<typeof start>>;
    let connection: MqttConnection;
    let writer: MqttClient;
    const opened: Target[] = [];
    const open = async () => {
      const target = await openTarget(connection, spec);
      opened.push(target);
      return target;
    };
    /** Watches, and counts the calls. */
    const watch = (target: Target) => {
      const stop = new AbortController();
      const counted = { calls: 0, stop: () => Promise.resolve() };
      const ended = target.watch?.(() => (counted.calls += 1), stop.signal);
      counted.stop = async () => {
        stop.abort();
        await ended;
      };
      return counted;
    };

    beforeEach(async () => {
      broker = await start();
      connection = { url: broker.url, protocolVersion };
      writer = await connectClient(broker.url);
      await retain(writer, [
        [`${prefix}/mode`, "auto"],
        [`${prefix}/room`, '{"setpoint":21,"night":{"setpoint":17,"from":22}}'],
      ]);
    });
    afterEach(async () => {
      for (const target of opened.splice(0)) await target.close();
      await writer.endAsync(true);
      await broker.close();
    });

    it("tells of a removal, and sees it", async () => {
      const target = await open();
      await read(target);
      const watching = watch(target);
      await retain(writer, [[`${prefix}/mode`, undefined]]);
      await expect.poll(() => watching.calls).toBeGreaterThan(0);
      expect(await read(target)).not.toHaveProperty("mode");
      await watching.stop();
    });

    it("makes few calls of a storm, and misses none of it", async () => {
      const target = await open();
      await read(target);
      const watching = watch(target);
      await retain(
        writer,
        Array.from({ length: 2_000 }, (_, index) => [`${prefix}/storm/${index % 200}`, String(index)] as const),
      );
      await expect.poll(async () => (await read(target))["storm/199"]).toBe(1999);
      expect(watching.calls).toBeGreaterThan(0);
      expect(watching.calls).toBeLessThan(200);
      await watching.stop();
    });

    it("rewrites only the named member of a JSON payload", async () => {
      const target = await open();
      const outcomes = await target.apply(
        [
          { path: "/room/night/setpoint", expected: 17, desired: 16 },
          { path: "/room/name", expected: undefined, desired: "Küche" },
          { path: "/room/setpoint", expected: 20, desired: 19 },
        ],
        signal(),
      );
      expect(outcomes.map(({ result }) => result)).toEqual(["applied", "applied", "moved"]);
      expect((await read(target)).room).toEqual({ setpoint: 21, night: { setpoint: 16, from: 22 }, name: "Küche" });
    });

    it("clears a topic with its last member", async () => {
      const target = await open();
      const changes: Change[] = [
        { path: "/room/setpoint", expected: 21, desired: undefined },
        { path: "/room/night/setpoint", expected: 17, desired: undefined },
        { path: "/room/night/from", expected: 22, desired: undefined },
      ];
      expect((await target.apply(changes, signal())).map(({ result }) => result)).toEqual(Array(3).fill("applied"));
      expect(await read(target)).toEqual({ mode: "auto" });
    });

    it("writes five hundred topics in one go", async () => {
      const target = await open();
      const changes = Array.from({ length: 500 }, (_, index): Change => {
        return { path: `/many~1${index}`, expected: undefined, desired: { index } };
      });
      const outcomes = await target.apply(changes, signal());
      expect(outcomes.every(({ result }) => result === "applied")).toBe(true);
      expect(Object.keys(await read(target))).toHaveLength(502);
    });

    it("finishes the write in hand when stopped, and tells which ones it left", async () => {
      const target = await open();
      await read(target);
      const stop = new AbortController();
      const unlisten = watch(target);
      const other = await connectClient(broker.url);
      other.on("message", (_topic, _payload, packet) => {
        if (!packet.retain) stop.abort(new Error("stopped by a test"));
      });
      await other.subscribeAsync(`${prefix}/many/#`);
      const changes = Array.from({ length: 1_000 }, (_, index): Change => {
        return { path: `/many~1${index}`, expected: undefined, desired: index };
      });
      const outcomes = await target.apply(changes, stop.signal);
      const document = await read(target);
      const failed = outcomes.filter(({ result }) => result === "failed");
      expect(failed.length).toBeGreaterThan(0);
      expect(failed.length).toBeLessThan(1_000);
      for (const [index, outcome] of outcomes.entries()) {
        expect(document[`many/${index}`]).toBe(outcome.result === "applied" ? index : undefined);
      }
      await unlisten.stop();
      await other.endAsync(true);
    });

    it("settles beside another controller that writes the same topic", async () => {
      const [a, b] = [await open(), await open()];
      for (let turn = 0; turn < 20; turn += 1) {
        await retain(writer, [[`${prefix}/shared`, '{"a":0,"b":0}']]);
        const [first, second] = await Promise.all([
          a.apply([{ path: "/shared/a", expected: 0, desired: 1 }], signal()),
          b.apply([{ path: "/shared/b", expected: 0, desired: 2 }], signal()),
        ]);
        // Both settle on what is there; who lost, knows.
        for (const outcome of [...first, ...second]) expect(["applied", "moved"]).toContain(outcome.result);
        const { shared } = (await read(a)) as { shared: { a: number; b: number } };
        expect(await read(b)).toMatchObject({ shared });
        expect(shared.a === 1 || shared.b === 2).toBe(true);
      }
    });

    it("leaves nothing of its own on the broker, and never reports it", async () => {
      const [a, b] = [await open(), await open()];
      expect(Object.keys(await read(a)).sort()).toEqual(["mode", "room"]);
      expect(Object.keys(await read(b)).sort()).toEqual(["mode", "room"]);
      expect((await retainedTopics(broker.url)).filter((topic) => topic.includes("$trueup"))).toHaveLength(2);
      await a.close();
      await b.close();
      expect(await retainedTopics(broker.url)).toEqual([`${prefix}/mode`, `${prefix}/room`]);
    });

    it("clears what killed processes left, not what is another's", async () => {
      const hoursAgo = new Date(Date.now() - 2 * 3_600_000).toISOString();
      await retain(writer, [
        [`${prefix}/$trueup/dead`, hoursAgo],
        [`${prefix}/$trueup/alive`, new Date().toISOString()],
        [`${prefix}/$trueup/unknown`, "no date"],
      ]);
      const target = await open();
      expect(Object.keys(await read(target)).sort()).toEqual(["mode", "room"]);
      await target.close();
      const left = ["$trueup/alive", "$trueup/unknown", "mode", "room"].map((topic) => `${prefix}/${topic}`);
      await expect.poll(() => retainedTopics(broker.url)).toEqual(left);
    });

    it("goes on when someone clears its sentinel", async () => {
      const target = await open();
      await read(target);
      const topics = (await retainedTopics(broker.url)).filter((topic) => topic.includes("$trueup"));
      expect(topics).toHaveLength(1);
      await retain(
        writer,
        topics.map((topic) => [topic, undefined] as const),
      );
      await expect.poll(() => read(target).catch(() => undefined)).toMatchObject({ mode: "auto" });
    });

    it("leaves nothing when it is killed: the broker clears the sentinel", async () => {
      const script = `
        import { mqtt } from ${JSON.stringify(new URL("../../../src/targets/mqtt/index.ts", import.meta.url).href)};
        const target = await mqtt.open({ environment: "test", name: "broker", lists: {},
          spec: ${JSON.stringify(spec)}, connection: ${JSON.stringify(connection)} });
        await target.observe(new Set(), AbortSignal.timeout(10_000));
        console.log("observed");
        setInterval(() => undefined, 1000);`;
      const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      await once(child.stdout, "data");
      expect((await retainedTopics(broker.url)).filter((topic) => topic.includes("$trueup"))).toHaveLength(1);
      child.kill("SIGKILL");
      await once(child, "exit");
      await expect.poll(() => retainedTopics(broker.url)).toEqual([`${prefix}/mode`, `${prefix}/room`]);
    });
  });
}

interface Restartable {
  readonly url: string;
  stop(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}
const restarts: readonly { name: string; unavailable: string | undefined; start: () => Promise<Restartable> }[] = [
  {
    name: "embedded broker",
    unavailable: undefined,
    start: async () => {
      const folder = await mkdtemp(join(tmpdir(), "trueup-mqtt-"));
      let broker = await startBroker({ persistence: join(folder, "retained.json") });
      const { port, url } = broker;
      return {
        url,
        stop: () => broker.stop(),
        start: async () => {
          broker = await startBroker({ persistence: join(folder, "retained.json"), port });
        },
        close: async () => {
          await broker.stop();
          await rm(folder, { recursive: true, force: true });
        },
      };
    },
  },
  { name: "mosquitto", unavailable: mosquittoUnavailable, start: () => startMosquitto() },
];
for (const { name, unavailable, start } of restarts) {
  describe.skipIf(unavailable !== undefined)(`a broker that restarts (${unavailable ?? name})`, () => {
    it("is watched again, and what changed meanwhile is told", async () => {
      const broker = await start();
      const before = await connectClient(broker.url);
      await retain(before, [[`${prefix}/mode`, "auto"]]);
      await before.endAsync(true);
      const target = await openTarget({ url: broker.url }, spec);
      await read(target);
      let calls = 0;
      const stop = new AbortController();
      const watching = target.watch?.(() => (calls += 1), stop.signal);

      await broker.stop();
      await broker.start();
      const after = await connectClient(broker.url);
      await retain(after, [[`${prefix}/mode`, "manual"]]);
      await expect.poll(() => calls, { timeout: 10_000 }).toBeGreaterThan(0);
      expect(await read(target)).toEqual({ mode: "manual" });

      // And it goes on being pushed.
      const seen = calls;
      await expect
        .poll(async () => {
          await retain(after, [[`${prefix}/mode`, `turn ${Math.random()}`]]);
          return calls;
        })
        .toBeGreaterThan(seen);
      stop.abort();
      await watching;
      await target.close();
      expect((await retainedTopics(broker.url)).filter((topic) => topic.includes("$trueup"))).toEqual([]);
      await after.endAsync(true);
      await broker.close();
    });
  });
}

describe("watching", () => {
  it("rejects where only a person can help, and resolves when the target closes", async () => {
    const broker = await startBroker({ username: "u", password: "right" });
    const wrong = await openTarget({ url: broker.url, username: "u", password: "wrong" }, spec);
    await expect(wrong.watch?.(() => undefined, signal())).rejects.toMatchObject({ code: "CONNECTION_DENIED" });
    const right = await openTarget({ url: broker.url, username: "u", password: "right" }, spec);
    await read(right);
    const watching = right.watch?.(() => undefined, signal());
    await right.close();
    await watching;
    await expect(read(right)).rejects.toMatchObject({ code: "ABORTED" });
    await wrong.close();
    await broker.stop();
  });
});
