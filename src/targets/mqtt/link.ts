import { randomBytes } from "node:crypto";
import { setMaxListeners } from "node:events";
import type { IDisconnectPacket, MqttClient } from "mqtt";
import type { Attribution } from "../../core/attribution.js";
import { TrueupError } from "../../core/errors.js";
import { LIMITS } from "../../core/limits.js";
import { abortable } from "./abortable.js";
import { connectBroker, type ProtocolVersion } from "./connect.js";
import { denied, refusal } from "./faults.js";
import { brokerAddress, type MqttConnection } from "./spec.js";
import { sentinelTopic } from "./topics.js";
import { signed, writerOf } from "./writers.js";

/** Retained messages by topic. */
export type Retained = ReadonlyMap<string, Buffer>;

/** One connection to the broker, from CONNECT until it is gone. */
export interface Link {
  readonly version: ProtocolVersion;
  readonly sentinel: string;
  /** How many publications may wait for their acknowledgement at a time. */
  readonly inFlight: number;
  /** Aborts when the connection is gone; the reason is a TrueupError. */
  readonly lost: AbortSignal;
  /** Whether it was the other side that ended it. */
  hungUp(): boolean;
  /** Every retained message that matches a filter, and proof that the broker answers. One at a time; a failed one ends the link. */
  read(filters: readonly string[], signal: AbortSignal): Promise<Retained>;
  /** Retained, QoS 1; resolves when acknowledged. On MQTT 3.1.1 a denied one is acknowledged, too: read it back. */
  publish(topic: string, payload: Buffer): Promise<void>;
  /** Who wrote a topic last, or removed it, where the publication said so. */
  writerOf(topic: string): Attribution | undefined;
  /** Clears a retained topic, without waiting for it. */
  clear(topic: string): void;
  close(): Promise<void>;
}

export interface LinkOptions {
  readonly connection: MqttConnection;
  readonly prefix: string;
  readonly version: ProtocolVersion | undefined;
  /** Something was published below the prefix, retained or not, by whomever. */
  readonly onPublished: (topic: string) => void;
}

/** What mosquitto takes; a broker of MQTT 5 that takes fewer says so. */
const IN_FLIGHT = 20;
/** Nothing arrived for so long in the middle of a snapshot: what is missing is not on its way. */
const STALLED_MS = 3_000;
/** So long the sentinel alone may take, to tell why a snapshot stalled. */
const PROBE_MS = 1_500;
const ACKNOWLEDGE_MS = 5_000;
/** A living link writes its sentinel anew before it is this old. */
const SENTINEL_FRESH_MS = 10 * 60_000;
/** The sentinel of a process that was killed while the broker was away, too: nobody living left it. */
export const SENTINEL_DEAD_MS = 60 * 60_000;

/**
 * How a set of retained messages is known to be complete.
 *
 * MQTT has no "end of retained messages", and a pause proves nothing. So each link keeps one retained message of its own, the
 * sentinel, and every read is ONE packet, `SUBSCRIBE [filters…, sentinel]`. A broker must treat it as if the filters came in
 * single packets one after the other (MQTT-3.8.4-4), and must send the retained messages of each anew, also where the
 * subscription exists (3.8.4-3). The connection is one ordered stream. So when the sentinel arrives for the last filter,
 * all before it has arrived; and as it is the broker that sends it on our request, a dead connection is not believed either.
 * - The filter `prefix/#` matches the sentinel, too: it is due twice then, and the second one ends the set.
 * - QoS 0: of QoS 1, mosquitto drops silently what exceeds `max_queued_messages` (1,000); of QoS 0 only what exceeds it while the
 *   socket is full. What is dropped last is the sentinel: the read stalls and fails, nothing is taken as absent. (A gap before
 *   a queue that has room again is the one thing this rule cannot see: subscription.ts closes it.)
 * - Only messages with the retain flag count. One without is a publication of this moment; on a busy broker (aedes) it may
 *   overtake an older retained one, it may not have been retained at all (3.1.1 does not tell), so it says *that* a topic
 *   moved, never what it holds: that is read anew.
 * - Rejected: a sentinel published after SUBACK (aedes sends it before the retained ones), and an own topic for each read
 *   (three more messages, which every subscriber of the prefix would see).
 * The will clears the sentinel where the process or the connection dies.
 */
export async function openLink(options: LinkOptions, signal: AbortSignal): Promise<Link> {
  const { connection, prefix } = options;
  const address = brokerAddress(connection);
  const sentinel = sentinelTopic(prefix, randomBytes(8).toString("hex"));
  const everything = `${prefix}/#`;
  const { client, version } = await connectBroker(
    { connection, version: options.version, clearOnLoss: sentinel },
    signal,
  );
  const loss = new AbortController();
  // Each publication in flight listens: more than the ten from which Node suspects a leak.
  setMaxListeners(0, loss.signal);
  let retained: ((topic: string, payload: Buffer) => void) | undefined;
  let sentinelAt = -Infinity;
  let hungUp = false;
  const writers = new Map<string, Attribution>();

  const drop = (error: Error) => {
    if (loss.signal.aborted) return;
    loss.abort(error);
    // Without a DISCONNECT: the broker publishes the will, which clears the sentinel.
    client.end(true);
  };
  client.once("disconnect", (packet: IDisconnectPacket) => {
    hungUp = !loss.signal.aborted;
    drop(disconnected(address, packet.reasonCode));
  });
  client.once("close", () => {
    hungUp ||= !loss.signal.aborted;
    drop(disconnected(address));
  });
  client.on("message", (topic, payload, packet) => {
    // A removal arrives without the retain flag, and is not there to be read later.
    if (packet.retain || payload.length === 0) {
      const writer = writerOf(packet.properties?.userProperties);
      if (writer === undefined) writers.delete(topic);
      else writers.set(topic, writer);
    }
    if (packet.retain && retained !== undefined) retained(topic, payload);
    else if (topic !== sentinel) options.onPublished(topic);
    else if (payload.length === 0)
      drop(new TrueupError("CONNECTION_FAILED", `another client of ${address} cleared "${topic}"`));
  });

  async function publish(topic: string, payload: Buffer, stopping?: AbortSignal): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const signals = stopping === undefined ? [loss.signal] : [loss.signal, stopping];
    await abortable<undefined>(signals, (resolve, reject) => {
      timer = setTimeout(() => {
        reject(new TrueupError("TARGET_TIMEOUT", `the broker ${address} does not acknowledge "${topic}"`));
      }, ACKNOWLEDGE_MS);
      const properties = version === 5 ? { properties: { userProperties: signed() } } : {};
      client.publish(topic, payload, { qos: 1, retain: true, ...properties }, (error) => {
        if (error) reject(refusal(error, `write the topic "${topic}"`));
        else resolve(undefined);
      });
    }).finally(() => {
      clearTimeout(timer);
    });
  }

  const plantSentinel = async (stopping: AbortSignal) => {
    await publish(sentinel, Buffer.from(new Date().toISOString()), stopping);
    sentinelAt = performance.now();
  };

  async function collect(filters: readonly string[], stopping: AbortSignal, patience = STALLED_MS): Promise<Retained> {
    const found = new Map<string, Buffer>();
    let due = filters.includes(everything) ? 2 : 1;
    let bytes = 0;
    let answered = false;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await abortable<Retained>([stopping, loss.signal], (resolve, reject) => {
        timer = setTimeout(() => {
          reject(
            answered
              ? new Stalled(found.size)
              : new TrueupError("CONNECTION_FAILED", `the broker ${address} does not answer`),
          );
        }, patience);
        const progress = timer;
        retained = (topic, payload) => {
          progress.refresh();
          if (topic === sentinel) {
            due -= 1;
            if (due === 0) resolve(found);
            return;
          }
          found.set(topic, payload);
          bytes += payload.length;
          if (bytes > LIMITS.bytes) {
            reject(
              new TrueupError(
                "DOCUMENT_TOO_LARGE",
                `the topics below "${prefix}" hold more than ${LIMITS.bytes} bytes`,
              ),
            );
          }
        };
        client.subscribe([...filters, sentinel], { qos: 0 }, (error) => {
          answered = true;
          if (error) reject(refusal(error, `read the topics below "${prefix}"`));
        });
      });
    } finally {
      clearTimeout(timer);
      retained = undefined;
    }
  }

  async function read(filters: readonly string[], stopping: AbortSignal): Promise<Retained> {
    try {
      if (performance.now() - sentinelAt > SENTINEL_FRESH_MS) await plantSentinel(stopping);
      const found = await collect(filters, stopping);
      // The lasting subscription covers these: kept, each message would come twice.
      const single = filters.filter((filter) => filter !== everything);
      if (single.length > 0) client.unsubscribe(single);
      return found;
    } catch (error) {
      const told = error instanceof Stalled ? await explain(error, filters, stopping) : error;
      // What still comes of this read would be mistaken for the next one's.
      drop(told instanceof TrueupError ? told : disconnected(address));
      throw told;
    }
  }

  /** Does the sentinel alone come back? Then the broker lost messages; else this login may not write or not read it. */
  async function explain(stalled: Stalled, filters: readonly string[], stopping: AbortSignal): Promise<unknown> {
    const noRight = denied(`write and read "${sentinel}"`);
    if (filters.length === 0) return noRight;
    try {
      await collect([], stopping, PROBE_MS);
    } catch (error) {
      return error instanceof Stalled ? noRight : error;
    }
    const message = `the broker ${address} sent ${stalled.received} retained topics below "${prefix}" and dropped the rest`;
    return new TrueupError("TARGET_TIMEOUT", message, {
      hint: "set `max_queued_messages 0` in mosquitto's configuration (the like in another broker), or split the prefix",
    });
  }

  return {
    version,
    sentinel,
    inFlight: Math.min(client.serverProperties?.receiveMaximum ?? IN_FLIGHT, IN_FLIGHT),
    lost: loss.signal,
    hungUp: () => hungUp,
    read,
    publish,
    writerOf: (topic) => writers.get(topic),
    clear: (topic) => {
      client.publish(topic, "", { qos: 0, retain: true });
    },
    async close() {
      if (loss.signal.aborted) return;
      client.publish(sentinel, "", { qos: 0, retain: true });
      loss.abort(new TrueupError("ABORTED", "the target was closed"));
      await leave(client);
    },
  };
}

class Stalled extends Error {
  readonly received: number;
  constructor(received: number) {
    super("nothing more arrives");
    this.received = received;
  }
}

/** DISCONNECT, but never wait long for a broker that is gone. */
async function leave(client: MqttClient): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => {
      client.end(true, () => {
        resolve();
      });
    }, 1_000);
    client.end(false, () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** MQTT 5 says why. */
function disconnected(address: string, reason?: number): TrueupError {
  if (reason === 142) {
    return new TrueupError(
      "CONNECTION_FAILED",
      `another client of the broker ${address} took over the connection's clientId`,
      {
        hint: "remove `clientId` from the connection: each target needs one of its own",
      },
    );
  }
  const why = reason === undefined || reason === 0 ? "" : ` (reason code ${reason})`;
  return new TrueupError("CONNECTION_FAILED", `the broker ${address} closed the connection${why}`, {
    hint: "check whether the broker runs, and its log",
  });
}
