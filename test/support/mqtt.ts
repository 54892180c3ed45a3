import { connectAsync, type IClientOptions, type MqttClient } from "mqtt";
import { mqtt } from "../../src/targets/mqtt/index.js";
import type { MqttConnection, MqttSpec } from "../../src/targets/mqtt/spec.js";
import type { Target } from "../../src/targets/target.js";
import { startBroker } from "../../src/demo/mqtt-broker.js";
import { mosquittoUnavailable, startMosquitto } from "./mosquitto.js";

export interface BrokerCase {
  readonly name: string;
  readonly unavailable: string | undefined;
  readonly protocolVersion: 5 | 4;
  readonly start: () => Promise<{ readonly url: string; readonly close: () => Promise<void> }>;
}

/** Every broker and version of the protocol that the target is tried with. */
export const brokerCases: readonly BrokerCase[] = [
  {
    name: "embedded broker, 3.1.1",
    unavailable: undefined,
    protocolVersion: 4,
    async start() {
      const broker = await startBroker();
      return { url: broker.url, close: () => broker.stop() };
    },
  },
  ...([5, 4] as const).map((protocolVersion) => ({
    name: `mosquitto, ${protocolVersion === 5 ? "5" : "3.1.1"}`,
    unavailable: mosquittoUnavailable,
    protocolVersion,
    start: () => startMosquitto(),
  })),
];

export function openTarget(connection: MqttConnection, spec: MqttSpec): Promise<Target> {
  return mqtt.open({ environment: "test", name: "broker", spec, connection, lists: {} });
}

/** Another program on the same broker. */
export function connectClient(url: string, options: IClientOptions = {}): Promise<MqttClient> {
  return connectAsync(url, { reconnectPeriod: 0, ...options });
}

/** Writes retained topics as fast as the broker acknowledges them; `undefined` clears one. */
export async function retain(
  client: MqttClient,
  topics: Iterable<readonly [string, string | Buffer | undefined]>,
): Promise<void> {
  const all = [...topics];
  for (let start = 0; start < all.length; start += 20) {
    const some = all.slice(start, start + 20);
    await Promise.all(
      some.map(([topic, payload]) => client.publishAsync(topic, payload ?? "", { retain: true, qos: 1 })),
    );
  }
}
