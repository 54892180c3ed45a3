import { readFile } from "node:fs/promises";
import type { MqttClient } from "mqtt";
import { TrueupError } from "../../core/errors.js";
import { formatDuration } from "../../lib/duration.js";
import { brokerOf, brokerOptions, CONNECT_TIMEOUT, connectBroker, isLoginRefused } from "../../lib/mqtt.js";
import { networkFault } from "../../lib/network.js";
import { type Probe, probeOf, type ProbeResult } from "../probe.js";
import type { MqttSpec } from "./spec.js";

/** SUBACK: the broker does not let it subscribe. */
const REFUSED = 128;

export function openMqtt(spec: MqttSpec): Probe {
  const where = `the broker ${brokerOf(spec)}`;
  const why = (error: unknown) => (isLoginRefused(error) ? "it refuses the login" : networkFault(error));
  return probeOf((signal) => ask(spec, signal), why, { timeout: CONNECT_TIMEOUT + spec.within, where });
}

async function ask(spec: MqttSpec, signal: AbortSignal): Promise<ProbeResult> {
  const ca = spec.ca === undefined ? undefined : await authority(spec.ca);
  const client = await connectBroker(brokerOptions(spec, ca), signal);
  try {
    return await heard(client, spec, signal);
  } finally {
    client.end(true);
  }
}

async function heard(client: MqttClient, spec: MqttSpec, signal: AbortSignal): Promise<ProbeResult> {
  const { topic, within, equals, retained } = spec;
  const listening = new AbortController();
  let others = 0;
  let kept = 0;
  try {
    return await new Promise<ProbeResult>((resolve, reject) => {
      client.on("message", (_, payload, packet) => {
        if (packet.retain && !retained) kept += 1;
        else if (equals !== undefined && payload.toString() !== equals) others += 1;
        else resolve({ healthy: true, detail: `${topic} was heard` });
      });
      client.once("close", () => {
        reject(new Error("closed"));
      });
      const options = { once: true, signal: listening.signal };
      signal.addEventListener(
        "abort",
        () => {
          reject(signal.reason as Error);
        },
        options,
      );
      client.subscribeAsync(topic, { qos: 0 }).then((granted) => {
        if (granted.some(({ qos }) => (qos as number) === REFUSED)) {
          resolve({ healthy: false, detail: `the broker ${brokerOf(spec)} does not let it listen to ${topic}` });
        }
        const timer = setTimeout(() => {
          resolve({ healthy: false, detail: silence({ topic, within, others, kept }) });
        }, within);
        listening.signal.addEventListener(
          "abort",
          () => {
            clearTimeout(timer);
          },
          { once: true },
        );
      }, reject);
    });
  } finally {
    listening.abort();
  }
}

interface Silence {
  readonly topic: string;
  readonly within: number;
  /** Messages that came and did not count. */
  readonly others: number;
  readonly kept: number;
}

function silence({ topic, within, others, kept }: Silence): string {
  const time = formatDuration(within);
  if (others > 0) return `${topic} did not say what it should within ${time}`;
  const retained = kept > 0 ? "; what the broker kept counts with `retained: true`" : "";
  return `nothing was published on ${topic} within ${time}${retained}`;
}

async function authority(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch {
    throw new TrueupError("CONFIG_INVALID", `the probe's \`ca\` ${file} cannot be read`);
  }
}
