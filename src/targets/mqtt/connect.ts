import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { IClientOptions, MqttClient } from "mqtt";
import { TrueupError } from "../../core/errors.js";
import { abortable } from "./abortable.js";
import { connectionError, isVersionRefused } from "./faults.js";
import { brokerAddress, type MqttConnection } from "./spec.js";

export type ProtocolVersion = 5 | 4;

export interface ConnectOptions {
  readonly connection: MqttConnection;
  /** What the broker took the last time; undefined tries MQTT 5 and falls back to 3.1.1. */
  readonly version: ProtocolVersion | undefined;
  /** A retained topic that the broker clears when this connection ends without a DISCONNECT. */
  readonly clearOnLoss: string;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** A dead peer is noticed in one and a half of it. */
const KEEPALIVE_S = 20;

/** One connection with a clean session, for one life: after it closed it stays closed. @throws TrueupError */
export async function connectBroker(
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<{ client: MqttClient; version: ProtocolVersion }> {
  const version = options.version ?? options.connection.protocolVersion;
  const first = version ?? 5;
  try {
    return { client: await attempt(options, first, signal), version: first };
  } catch (error) {
    // Brokers of the time before MQTT 5 say that they do not know it, or just hang up.
    if (version !== undefined || !isVersionRefused(error)) throw toTrueup(error, options, signal);
  }
  try {
    return { client: await attempt(options, 4, signal), version: 4 };
  } catch (error) {
    throw toTrueup(error, options, signal);
  }
}

function toTrueup(error: unknown, { connection }: ConnectOptions, signal: AbortSignal): Error {
  if (signal.aborted && error === signal.reason && error instanceof Error) return error;
  return connectionError(error, brokerAddress(connection));
}

async function attempt(options: ConnectOptions, version: ProtocolVersion, signal: AbortSignal): Promise<MqttClient> {
  const settings = await clientOptions(options, version);
  const { connect } = await import("mqtt");
  signal.throwIfAborted();
  const client = connect(settings);
  // Without a listener an error would end the process. What comes after the CONNACK shows as `close`, too.
  client.on("error", () => undefined);
  try {
    await abortable<undefined>([signal], (resolve, reject) => {
      client.once("connect", () => {
        resolve(undefined);
      });
      client.once("error", reject);
      client.once("close", () => {
        reject(new Error("the broker closed the connection before it answered"));
      });
    });
  } catch (error) {
    client.end(true);
    throw error;
  }
  if ("setNoDelay" in client.stream) (client.stream as { setNoDelay(on: boolean): void }).setNoDelay(true);
  return client;
}

async function clientOptions(options: ConnectOptions, version: ProtocolVersion): Promise<IClientOptions> {
  const { connection, clearOnLoss } = options;
  const { hostname, port, protocol, username, password } = new URL(connection.url);
  const tls = protocol === "mqtts:";
  const user = connection.username ?? (username === "" ? undefined : decodeURIComponent(username));
  const secret = connection.password ?? (password === "" ? undefined : decodeURIComponent(password));
  return {
    protocol: tls ? "mqtts" : "mqtt",
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? (tls ? 8883 : 1883) : Number(port),
    protocolVersion: version,
    // 18 letters and digits: what every broker of 3.1.1 must take.
    clientId: connection.clientId ?? `trueup${randomBytes(6).toString("hex")}`,
    clean: true,
    keepalive: KEEPALIVE_S,
    connectTimeout: CONNECT_TIMEOUT_MS,
    // Reconnecting is ours: mqtt.js would subscribe again behind our back, and the snapshot would begin unseen. Without
    // `resubscribe` it also forgets filters, and so really sends a second SUBSCRIBE of the same one.
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    will: { topic: clearOnLoss, payload: Buffer.alloc(0), qos: 1, retain: true },
    ...(user === undefined ? {} : { username: user }),
    ...(secret === undefined ? {} : { password: secret }),
    ...(tls ? { rejectUnauthorized: true, ...(await certificates(connection)) } : {}),
  };
}

async function certificates(connection: MqttConnection): Promise<Pick<IClientOptions, "ca" | "cert" | "key">> {
  const files: { ca?: Buffer; cert?: Buffer; key?: Buffer } = {};
  for (const name of ["ca", "cert", "key"] as const) {
    const path = connection[name];
    if (path === undefined) continue;
    try {
      files[name] = await readFile(path);
    } catch (cause) {
      throw new TrueupError("CONFIG_INVALID", `the connection's \`${name}\` cannot be read`, {
        where: { file: path },
        hint: "give the path of a PEM file that the controller may read",
        cause,
      });
    }
  }
  return files;
}
