import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startBroker } from "../../src/demo/mqtt-broker.js";

describe("the embedded broker", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "trueup-broker-"));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it("keeps retained messages over a restart, and forgets the cleared ones", async () => {
    const persistence = join(folder, "retained.json");
    const first = await startBroker({ persistence });
    const writer = await connectAsync(first.url, { reconnectPeriod: 0 });
    await writer.publishAsync("a/kept", Buffer.from([0, 255]), { retain: true, qos: 1 });
    await writer.publishAsync("a/__proto__", "kept, too", { retain: true, qos: 1 });
    await writer.publishAsync("a/cleared", "x", { retain: true, qos: 1 });
    await writer.publishAsync("a/cleared", "", { retain: true, qos: 1 });
    await writer.publishAsync("a/event", "not retained", { qos: 1 });
    await writer.endAsync();
    await first.stop();

    const second = await startBroker({ persistence, port: first.port });
    const reader = await connectAsync(second.url, { reconnectPeriod: 0 });
    const seen = new Map<string, string>();
    reader.on("message", (topic, payload) => seen.set(topic, payload.toString("hex")));
    await reader.subscribeAsync("a/#");
    await expect.poll(() => [...seen.keys()].sort()).toEqual(["a/__proto__", "a/kept"]);
    expect(seen.get("a/kept")).toBe("00ff");
    await reader.endAsync();
    await second.stop();
    await second.stop();
  });

  it("lets in whoever knows the password, and nobody else", async () => {
    const broker = await startBroker({ username: "trueup", password: "right" });
    const client = await connectAsync(broker.url, { username: "trueup", password: "right", reconnectPeriod: 0 });
    await client.endAsync();
    for (const password of ["wrong", undefined]) {
      const login = { username: "trueup", ...(password === undefined ? {} : { password }), reconnectPeriod: 0 };
      await expect(connectAsync(broker.url, login)).rejects.toThrow(/not authorized/i);
    }
    await broker.stop();
  });

  it("stops when its signal aborts", async () => {
    const stop = new AbortController();
    const broker = await startBroker({ signal: stop.signal });
    stop.abort();
    await broker.stop();
    await expect(connectAsync(broker.url, { reconnectPeriod: 0 })).rejects.toThrow(/ECONNREFUSED/);
  });
});
