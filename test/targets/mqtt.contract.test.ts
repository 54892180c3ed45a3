import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { describe } from "vitest";
import { parsePointer } from "../../src/core/pointer.js";
import { isMap, type Value } from "../../src/core/value.js";
import { startBroker } from "../../src/demo/mqtt-broker.js";
import { stringifyJson } from "../../src/lib/json.js";
import { mqtt } from "../../src/targets/mqtt/index.js";
import type { MqttConnection } from "../../src/targets/mqtt/spec.js";
import { describeTarget, type TargetExamples, type TargetPlace } from "../contract/target.js";
import { mosquittoUnavailable, startMosquitto } from "../support/mosquitto.js";

const prefix = "predictor/config";
const password = "pässword-of-the-broker";
const secret = "value-that-nobody-may-see";

const examples: TargetExamples = {
  before: {
    "rooms/kitchen": { setpoint: 21, name: "Kitchen" },
    "rooms/bath": 22.5,
    mode: "auto",
    enabled: true,
    locked: "as it was",
    neighbour: [1, "two", null],
  },
  changes: [
    { path: "/rooms~1hall", expected: undefined, desired: { setpoint: 18 } },
    { path: "/rooms~1kitchen/setpoint", expected: 21, desired: 20 },
    { path: "/mode", expected: "auto", desired: undefined },
  ],
  neighbour: "/neighbour",
  race: { change: { path: "/rooms~1bath", expected: 22.5, desired: 23 }, intruder: 19 },
  secrets: [password, secret],
};

/** The broker lets the login read all below the prefix, and write all but one topic. */
const acl = [
  "user admin",
  "topic readwrite #",
  "user trueup",
  `topic read ${prefix}/#`,
  ...["rooms/#", "mode", "enabled", "neighbour", "$trueup/#"].map((topic) => `topic write ${prefix}/${topic}`),
];

async function place(
  connection: MqttConnection,
  admin: MqttConnection,
  broker: Pick<TargetPlace, "interrupt" | "close">,
): Promise<TargetPlace> {
  const writer = await connectAsync(admin.url, { ...login(admin), reconnectPeriod: 50 });
  const put = async (key: string, value: Value | undefined) => {
    const text = value === undefined ? "" : typeof value === "string" ? value : stringifyJson(value);
    await writer.publishAsync(`${prefix}/${key}`, text, { retain: true, qos: 1 });
  };
  for (const [key, value] of Object.entries(examples.before)) await put(key, value);
  const open = () =>
    mqtt.open({ environment: "test", name: "broker", spec: { prefix, payload: "auto" }, connection, lists: {} });
  const target = await open();
  return {
    target,
    another: open,
    async write(path, value) {
      const [key, ...inside] = parsePointer(path);
      if (key === undefined || inside.length > 0 || isMap(value)) throw new Error("the examples write whole topics");
      await put(key, value);
    },
    ...broker,
    async close() {
      await target.close();
      await writer.endAsync(true);
      await broker.close();
    },
  };
}

function login({ username, password }: MqttConnection) {
  return username === undefined || password === undefined ? {} : { username, password };
}

describeTarget({
  name: "mqtt, embedded broker (3.1.1)",
  examples: {
    ...examples,
    rejected: {
      bad: { path: "/rooms~1+", expected: undefined, desired: secret },
      good: { path: "/enabled", expected: true, desired: false },
    },
  },
  async create() {
    const folder = await mkdtemp(join(tmpdir(), "trueup-mqtt-"));
    const settings = { persistence: join(folder, "retained.json"), username: "trueup", password };
    let broker = await startBroker(settings);
    const { port } = broker;
    const connection = { url: broker.url, username: "trueup", password };
    return place(connection, connection, {
      async interrupt() {
        await broker.stop();
        return async () => {
          broker = await startBroker({ ...settings, port });
        };
      },
      async close() {
        await broker.stop();
        await rm(folder, { recursive: true, force: true });
      },
    });
  },
});

for (const protocolVersion of [5, 4] as const) {
  describe.skipIf(mosquittoUnavailable !== undefined)(mosquittoUnavailable ?? "mosquitto", () => {
    describeTarget({
      name: `mqtt, mosquitto (${protocolVersion === 5 ? "5" : "3.1.1"})`,
      examples: {
        ...examples,
        rejected: {
          bad: { path: "/locked", expected: "as it was", desired: secret },
          good: { path: "/enabled", expected: true, desired: false },
        },
      },
      async create() {
        const broker = await startMosquitto({ users: { trueup: password, admin: "admin" }, acl });
        const { url } = broker;
        return place(
          { url, username: "trueup", password, protocolVersion },
          { url, username: "admin", password: "admin" },
          {
            async interrupt() {
              await broker.stop();
              return () => broker.start();
            },
            close: () => broker.close(),
          },
        );
      },
    });
  });
}
