import type { MqttClient } from "mqtt";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Broker, startBroker } from "../../../src/demo/mqtt-broker.js";
import { mqtt } from "../../../src/notifiers/mqtt/index.js";
import type { EnvironmentState } from "../../../src/notifiers/notifier.js";
import { describeNotifier, message } from "../../contract/notifier.js";
import { connectClient } from "../../support/mqtt.js";

const PASSWORD = "mqtt/p+ss word";
const signal = new AbortController().signal;
const open = (port: number) =>
  mqtt.open(mqtt.spec.parse({ url: `mqtt://127.0.0.1:${port}`, username: "trueup", password: PASSWORD }));

interface Heard {
  readonly topic: string;
  readonly payload: string;
  readonly retain: boolean;
}

async function listen(url: string, filter: string): Promise<{ client: MqttClient; heard: Heard[] }> {
  const client = await connectClient(url, { username: "trueup", password: PASSWORD, protocolVersion: 4 });
  const heard: Heard[] = [];
  client.on("message", (topic, payload, { retain }) => heard.push({ topic, payload: payload.toString(), retain }));
  await client.subscribeAsync(filter, { qos: 1 });
  return { client, heard };
}

describeNotifier({
  name: "mqtt",
  threads: false,
  async start() {
    const broker = await startBroker({ username: "trueup", password: PASSWORD });
    const refusing = await startBroker({ username: "trueup", password: "another" });
    const { client, heard } = await listen(broker.url, "trueup/#");
    return {
      port: broker.port,
      refusingPort: refusing.port,
      open,
      secrets: [PASSWORD],
      async arrived() {
        // One connection is one ordered stream: what was acknowledged before this is heard before this.
        await client.publishAsync("trueup/mark", "", { qos: 1 });
        await vi.waitUntil(() => heard.some(({ topic }) => topic === "trueup/mark"), 5_000);
        return heard
          .filter(({ topic }) => topic === "trueup/events")
          .map(({ payload }) => ({
            id: (JSON.parse(payload) as { id: string }).id,
            thread: undefined,
            text: textsOf(JSON.parse(payload)).join("\n"),
          }));
      },
      async close() {
        await client.endAsync();
        await Promise.all([broker.stop(), refusing.stop()]);
      },
    };
  },
});

function textsOf(value: unknown): readonly string[] {
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [String(value)];
}

describe("states on the broker", () => {
  let broker: Broker;
  const clients: MqttClient[] = [];
  beforeEach(async () => {
    broker = await startBroker({ username: "trueup", password: PASSWORD });
  });
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
    await broker.stop();
  });
  const state = (more: Partial<EnvironmentState> = {}): EnvironmentState => ({
    environment: "prod",
    state: "Drifted",
    open: 2,
    worst: "high",
    revision: "abc",
    at: "2026-01-02T03:04:05.000Z",
    ...more,
  });
  const listening = async (filter: string) => {
    const { client, heard } = await listen(broker.url, filter);
    clients.push(client);
    return heard;
  };
  const payloadAt = async (topic: string) => {
    const heard = await listening(topic);
    await vi.waitUntil(() => heard.length > 0, 5_000);
    return heard[0];
  };

  it("are retained, and each environment is a sensor of Home Assistant", async () => {
    const notifier = await open(broker.port);
    await notifier.show?.([state(), state({ environment: "a/b #+", state: "Synced" })], signal);
    const config = await payloadAt("homeassistant/sensor/trueup_prod/config");
    expect(config?.retain).toBe(true);
    const sensor = JSON.parse(config?.payload ?? "") as Record<string, string>;
    expect(sensor).toMatchObject({ name: "prod", unique_id: "trueup_prod", device: { name: "Trueup" } });
    expect(await payloadAt(sensor["state_topic"] ?? "")).toMatchObject({
      retain: true,
      payload: JSON.stringify(state()),
    });
    expect(sensor["json_attributes_topic"]).toBe(sensor["state_topic"]);
    expect(await payloadAt(sensor["availability_topic"] ?? "")).toMatchObject({ retain: true, payload: "online" });
    const others = await listening("trueup/+/state");
    await vi.waitUntil(() => others.length === 2, 5_000);
    expect(others.map(({ topic }) => topic).sort()[0]).toMatch(/^trueup\/a_b____[0-9a-f]{8}\/state$/);
    await notifier.close();
  });

  it("become unavailable when the controller ends, and not by a single message", async () => {
    const controller = await open(broker.port);
    await controller.show?.([state()], signal);
    const heard = await listening("trueup/availability");
    await vi.waitUntil(() => heard.length === 1, 5_000);
    const command = await open(broker.port);
    await command.deliver(message(), signal);
    await command.close();
    await controller.close();
    await vi.waitUntil(() => heard.some(({ payload }) => payload === "offline"), 5_000);
    expect(heard.map(({ payload }) => payload)).toEqual(["online", "offline"]);
  });

  it("are shown again after the broker restarted", async () => {
    const notifier = await open(broker.port);
    await notifier.show?.([state()], signal);
    const { port } = broker;
    await broker.stop();
    await expect(notifier.show?.([state()], signal)).rejects.toMatchObject({ code: "DELIVERY_FAILED" });
    broker = await startBroker({ port, username: "trueup", password: PASSWORD });
    await notifier.show?.([state({ state: "Synced" })], signal);
    expect((await payloadAt("trueup/prod/state"))?.payload).toContain("Synced");
    await notifier.close();
  });
});
