import type { Attribution } from "../../core/attribution.js";
import { abortable } from "./abortable.js";
import { denied } from "./faults.js";
import { type Link, openLink, type Retained, SENTINEL_DEAD_MS } from "./link.js";
import type { ProtocolVersion } from "./connect.js";
import { createReplica, type Replica } from "./replica.js";
import type { MqttConnection, MqttSpec } from "./spec.js";
import { isSentinel, keyOf } from "./topics.js";

/** The lasting subscription to everything below the prefix: a replica that is kept true by pushes, over reconnects. */
export interface Subscription {
  readonly replica: Replica;
  /**
   * Brings the replica up to date: whatever was published before the call is in it. One round trip: the first time on a
   * connection it reads everything, then what was pushed since and `topics`. One at a time.
   */
  refresh(signal: AbortSignal, topics?: readonly string[]): Promise<Link>;
  /** Topics that are believed to be there: they count as absent only where a reading of their own does not find them. */
  expect(topics: readonly string[]): void;
  /** Who wrote a topic last, or removed it, where the publication said so. */
  writerOf(topic: string): Attribution | undefined;
  /** Called on each publication below the prefix; gives back what ends that. */
  listen(published: () => void): () => void;
  close(): Promise<void>;
}

/** So many topics are read by name in one packet, far below what any broker queues; of more, the whole prefix is read. */
const SINGLE_READS = 100;

/**
 * `rereadMs`: the whole prefix is read anew after so long, for what no push tells: a message that an overloaded broker
 * dropped, a retained message that expired (MQTT 5).
 */
export function subscribe(spec: MqttSpec, connection: MqttConnection, rereadMs: number): Subscription {
  const { prefix } = spec;
  const everything = `${prefix}/#`;
  const replica = createReplica(prefix, spec.payload);
  const listeners = new Set<() => void>();
  const published = new Set<string>();
  const own = new Set<string>();
  let expected: readonly string[] = [];
  let link: Link | undefined;
  let version: ProtocolVersion | undefined;
  let wholeAt = -Infinity;

  async function connected(signal: AbortSignal): Promise<Link> {
    if (link?.lost.aborted === false) return link;
    published.clear();
    wholeAt = -Infinity;
    const onPublished = (topic: string) => {
      if (keyOf(prefix, topic) === undefined) return;
      published.add(topic);
      for (const listener of listeners) listener();
    };
    link = await openLink({ connection, prefix, version, onPublished }, signal);
    version = link.version;
    own.add(link.sentinel);
    return link;
  }

  /** Sentinels that nobody living left: ours of earlier connections, and those of killed processes. */
  function clearLeftovers(current: Link, found: Retained): void {
    for (const [topic, payload] of found) {
      if (topic === current.sentinel || !isSentinel(prefix, topic)) continue;
      const age = Date.now() - Date.parse(payload.toString("utf8"));
      if (own.has(topic) || age > SENTINEL_DEAD_MS) current.clear(topic);
    }
  }

  /**
   * Everything below the prefix. A broker that drops messages drops the sentinel, too, unless the queue happened to have room
   * again by then: so what is believed to be there and was not found is looked for by name before it counts as absent.
   */
  async function readWhole(current: Link, signal: AbortSignal): Promise<Retained> {
    const found = new Map(await current.read([everything], signal));
    const missing = [...new Set([...replica.topics(), ...expected])].filter((topic) => !found.has(topic));
    for (let start = 0; start < missing.length; start += SINGLE_READS) {
      const some = await current.read(missing.slice(start, start + SINGLE_READS), signal);
      for (const [topic, payload] of some) found.set(topic, payload);
    }
    return found;
  }

  async function update(current: Link, signal: AbortSignal, topics: readonly string[]): Promise<void> {
    const read = new Set<string>();
    let asked = new Set([...topics, ...published]);
    // What was published while a read was under way may have been published before the call: it is read, too, but once.
    do {
      const whole = asked.size > SINGLE_READS || performance.now() - wholeAt > rereadMs;
      if (whole) {
        published.clear();
        const found = await readWhole(current, signal);
        wholeAt = performance.now();
        replica.replace(found);
        clearLeftovers(current, found);
        return;
      }
      for (const topic of asked) {
        published.delete(topic);
        read.add(topic);
      }
      const single = [...asked];
      replica.update(single, await current.read(single, signal));
      asked = new Set([...published].filter((topic) => !read.has(topic)));
    } while (asked.size > 0);
  }

  /** A broker that hangs up gets a second chance: the connection may have been dead before, unnoticed. */
  async function refresh(signal: AbortSignal, topics: readonly string[] = []): Promise<Link> {
    for (let last = false; ; last = true) {
      const current = await connected(signal);
      try {
        await update(current, signal, topics);
        return current;
      } catch (error) {
        if (signal.aborted || !current.hungUp()) throw error;
        // Hanging up is a lawful answer to a denied write (3.1.1, 3.3.5-2). Twice, on a fresh connection, is no accident.
        if (last) throw wholeAt === -Infinity ? denied(`write "${current.sentinel}": it hangs up`) : error;
      }
    }
  }

  return {
    replica,
    refresh,
    expect(topics) {
      expected = topics;
    },
    writerOf: (topic) => link?.writerOf(topic),
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      await link?.close();
    },
  };
}

/** Resolves when the link is gone, or a signal aborts. */
export async function gone(link: Link, signals: readonly AbortSignal[]): Promise<void> {
  await abortable<never>([link.lost, ...signals], () => undefined).catch(() => undefined);
}
