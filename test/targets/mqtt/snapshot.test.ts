import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { Aedes } from "aedes";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { MqttClient } from "mqtt";
import type { Document } from "../../../src/core/value.js";
import type { MqttConnection } from "../../../src/targets/mqtt/spec.js";
import { openMqtt } from "../../../src/targets/mqtt/target.js";
import type { Target } from "../../../src/targets/target.js";
import { mosquittoUnavailable, startMosquitto } from "../../support/mosquitto.js";
import { brokerCases, connectClient, openTarget, retain } from "../../support/mqtt.js";

const prefix = "predictor/config";
const spec = { prefix, payload: "auto" } as const;
const none = new Set<string>();
const signal = () => AbortSignal.timeout(20_000);
const many = (count: number, value: (index: number) => string = String) =>
  Array.from({ length: count }, (_, index) => [`${prefix}/rooms/${index}/setpoint`, value(index)] as const);
const documentOf = (count: number): Document =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`rooms/${index}/setpoint`, index]));

for (const { name, unavailable, protocolVersion, start } of brokerCases) {
  describe.skipIf(unavailable !== undefined)(`a snapshot (${unavailable ?? name})`, () => {
    let broker: Awaited<ReturnType<typeof start>>;
    let connection: MqttConnection;
    let writer: MqttClient;
    const opened: Target[] = [];
    const open = async () => {
      const target = await openTarget(connection, spec);
      opened.push(target);
      return target;
    };
    const read = async (target: Target) => (await target.observe(none, signal())).document;

    beforeEach(async () => {
      broker = await start();
      connection = { url: broker.url, protocolVersion };
      writer = await connectClient(broker.url);
    });
    afterEach(async () => {
      for (const target of opened.splice(0)) await target.close();
      await writer.endAsync(true);
      await broker.close();
    });

    it.each([0, 1, 500, 5_000])("of %i topics is complete, each time", async (count) => {
      await retain(writer, many(count));
      for (let trial = 0; trial < 5; trial += 1) expect(await read(await open())).toEqual(documentOf(count));
    });

    it("is complete while others write", async () => {
      await retain(writer, many(500));
      const stop = new AbortController();
      const noise = (async () => {
        const busy = await connectClient(broker.url);
        for (let turn = 0; !stop.signal.aborted; turn += 1) {
          await retain(busy, [[`${prefix}/busy/${turn % 50}`, String(turn)]]);
        }
        await busy.endAsync(true);
      })();
      for (let trial = 0; trial < 5; trial += 1) {
        const document = await read(await open());
        const rooms = Object.entries(document).filter(([key]) => key.startsWith("rooms/"));
        expect(Object.fromEntries(rooms)).toEqual(documentOf(500));
      }
      stop.abort();
      await noise;
    });

    it("holds what was published before it was asked for, and nothing that was cleared", async () => {
      const target = await open();
      await read(target);
      for (let turn = 1; turn <= 50; turn += 1) {
        await retain(writer, [
          [`${prefix}/a`, String(turn)],
          [`${prefix}/b`, turn % 2 === 0 ? "x" : undefined],
        ]);
        expect(await read(target)).toEqual(turn % 2 === 0 ? { a: turn, b: "x" } : { a: turn });
      }
    });

    it("takes no publication for a value that is not retained", async () => {
      await retain(writer, [[`${prefix}/mode`, "auto"]]);
      const target = await open();
      await read(target);
      await writer.publishAsync(`${prefix}/mode`, "an event", { qos: 1 });
      await writer.publishAsync(`${prefix}/command`, "an event", { qos: 1 });
      await writer.publishAsync(`${prefix}/mode`, "", { qos: 1 });
      expect(await read(target)).toEqual({ mode: "auto" });
    });

    it("leaves out the prefix itself and what only begins like it", async () => {
      await retain(writer, [
        [prefix, "itself"],
        [`${prefix}uration/a`, "neighbour"],
        [`${prefix}/`, "an empty level"],
        [`${prefix}/$other`, "a topic like any other"],
        ["$other/config/a", "x"],
      ]);
      expect(await read(await open())).toEqual({ "": "an empty level", $other: "a topic like any other" });
    });

    it("holds a stranger's binary payload as an opaque value", async () => {
      await retain(writer, [
        [`${prefix}/mode`, "auto"],
        [`${prefix}/firmware`, Buffer.from([0xff, 0xfe, 0])],
      ]);
      const document = await read(await open());
      expect(document.mode).toBe("auto");
      expect(document.firmware).toMatchObject({ tag: "mqtt:binary", text: "//4A" });
    });

    it("tells by its version whether it changed, and costs other subscribers nothing when it did not", async () => {
      await retain(writer, many(10));
      const target = await open();
      const first = await target.observe(none, signal());
      const heard: string[] = [];
      const other = await connectClient(broker.url);
      other.on("message", (topic, _payload, { retain: kept }) => {
        if (!kept) heard.push(topic);
      });
      await other.subscribeAsync(`${prefix}/#`);
      for (let turn = 0; turn < 5; turn += 1) {
        const again = await target.observe(none, signal());
        expect(again.version).toBe(first.version);
        expect(again.document).toBe(first.document);
      }
      expect(heard).toEqual([]);
      await retain(writer, [[`${prefix}/rooms/3/setpoint`, "3"]]);
      expect((await target.observe(none, signal())).version).toBe(first.version);
      await retain(writer, [[`${prefix}/rooms/3/setpoint`, "4"]]);
      expect((await target.observe(none, signal())).version).not.toBe(first.version);
      await other.endAsync(true);
    });

    it("is read anew as a whole after a while, for what no push tells", async () => {
      const target = await openMqtt(
        { environment: "test", name: "broker", spec, connection, lists: {} },
        { rereadMs: 0 },
      );
      opened.push(target);
      await retain(writer, many(3));
      expect(await read(target)).toEqual(documentOf(3));
      expect(await read(target)).toEqual(documentOf(3));
    });

    it("keeps up with a burst of more topics than it reads one by one", async () => {
      await retain(writer, many(300));
      const target = await open();
      await read(target);
      await retain(
        writer,
        many(300, (index) => String(index + 1000)),
      );
      const document = await read(target);
      expect(Object.values(document).every((value) => Number(value) >= 1000)).toBe(true);
    });
  });
}

describe("a broker that loses a message in the middle of a snapshot", () => {
  it("does not make a managed topic absent, nor one that was there before", async () => {
    const aedes = await Aedes.createBroker();
    const lost = new Set<string>();
    aedes.authorizeForward = (_client, packet) => (lost.delete(packet.topic) ? null : packet);
    const server = createServer((socket) => {
      aedes.handle(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const writer = await connectClient(url);
    await retain(writer, many(10));
    const options = { environment: "test", name: "broker", spec, connection: { url }, lists: {} };
    const target = await openMqtt(options, { rereadMs: 0 });
    const managed = new Set(["rooms/3/setpoint", "rooms/absent"]);

    lost.add(`${prefix}/rooms/3/setpoint`);
    expect((await target.observe(managed, signal())).document).toEqual(documentOf(10));
    expect(lost.size).toBe(0);
    lost.add(`${prefix}/rooms/7/setpoint`);
    expect((await target.observe(managed, signal())).document).toEqual(documentOf(10));
    expect(lost.size).toBe(0);

    await target.close();
    await writer.endAsync(true);
    await new Promise<void>((resolve) => {
      aedes.close(resolve);
    });
    await new Promise((resolve) => server.close(resolve));
  });
});

/**
 * Passes a connection on, and stops reading from the broker for a while once there is much to read: a reader that keeps up with
 * the broker, as it may on a busy machine, would leave it nothing to drop.
 */
async function startSlowReader(url: string): Promise<{ url: string; close(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(new URL(url).port), "127.0.0.1");
    let seen = 0;
    upstream.on("data", (chunk: Buffer) => {
      const before = seen;
      seen += chunk.length;
      client.write(chunk);
      if (before >= MUCH || seen < MUCH) return;
      upstream.pause();
      setTimeout(() => upstream.resume(), 1_000);
    });
    client.on("data", (chunk: Buffer) => upstream.write(chunk));
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on("error", () => other.destroy()).on("close", () => other.destroy());
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** Bytes: more than a handshake, less than what the broker has to say. */
const MUCH = 100_000;

describe.skipIf(mosquittoUnavailable !== undefined)(
  `a broker that drops messages (${mosquittoUnavailable ?? "mosquitto"})`,
  () => {
    it.each([5, 4] as const)("is an error that says so, never an absence (%i)", async (protocolVersion) => {
      const broker = await startMosquitto({ unlimited: false });
      const writer = await connectClient(broker.url);
      // 15 MB: more than the socket takes at once, so that the broker has to queue, and it queues a thousand. In the names,
      // because payloads of that size would be refused for their size.
      const long = "x".repeat(3_000);
      await retain(
        writer,
        many(5_000).map(([topic, payload]) => [`${topic}/${long}`, payload] as const),
      );
      const slow = await startSlowReader(broker.url);
      const target = await openTarget({ url: slow.url, protocolVersion }, spec);
      await expect(target.observe(none, signal())).rejects.toMatchObject({
        code: "TARGET_TIMEOUT",
        message: expect.stringMatching(/sent \d+ retained topics .* and dropped the rest/) as string,
        hint: expect.stringContaining("max_queued_messages 0") as string,
      });
      await target.close();
      slow.close();
      await writer.endAsync(true);
      await broker.close();
    });

    it("an expired message (MQTT 5) is gone at the next whole reading", async () => {
      const broker = await startMosquitto();
      const writer = await connectClient(broker.url, { protocolVersion: 5 });
      await writer.publishAsync(`${prefix}/passing`, "x", {
        retain: true,
        qos: 1,
        properties: { messageExpiryInterval: 1 },
      });
      const options = { environment: "test", name: "broker", spec, connection: { url: broker.url }, lists: {} };
      const target = await openMqtt(options, { rereadMs: 0 });
      await expect
        .poll(async () => Object.keys((await target.observe(none, signal())).document), {
          timeout: 5_000,
          interval: 100,
        })
        .toEqual([]);
      await target.close();
      await writer.endAsync(true);
      await broker.close();
    });
  },
);
