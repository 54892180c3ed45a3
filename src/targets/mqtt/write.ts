import pRetry from "p-retry";
import PQueue from "p-queue";
import { applyChanges } from "../../core/apply.js";
import type { Change, ListRules, Outcome } from "../../core/change.js";
import { TrueupError } from "../../core/errors.js";
import { parsePointer } from "../../core/pointer.js";
import { type Document, equal, member, type Value } from "../../core/value.js";
import { denied } from "./faults.js";
import type { Link } from "./link.js";
import { decodePayload, encodePayload } from "./payload.js";
import type { MqttSpec } from "./spec.js";
import type { Subscription } from "./subscription.js";
import { topicOf } from "./topics.js";

export interface WriteOptions {
  readonly spec: MqttSpec;
  readonly lists: ListRules;
  readonly subscription: Subscription;
}

/** How long a write may take to show: brokers acknowledge before they have stored, clusters before all nodes know. */
const SETTLE_MS = 2_000;
const READ_BACK_MS = 10_000;

/**
 * Each topic is a write by itself; several changes in one JSON payload are one. MQTT has no compare-and-set: the topics are
 * read directly before, and read back directly after, so that what came in between is at least seen. Reading back is also
 * the only way to learn of a denied write on MQTT 3.1.1, which acknowledges it like any other.
 */
export async function writeTopics(
  changes: readonly Change[],
  options: WriteOptions,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const first = await writeOnce(changes, options, signal);
  // A broker may hang up on a write that it denies (aedes does, and mosquitto with `max_queued_messages 0`), and what was on
  // its way beside it is lost. Alone, each topic gets its own answer: one denied topic must not keep others from being healed.
  const topics = new Set(changes.map(({ path }) => keyOfPath(path)));
  const lost = new Map<string, Change[]>();
  for (const [index, change] of changes.entries()) {
    const outcome = first[index];
    if (outcome?.result !== "failed" || !isLost(outcome.error)) continue;
    const key = keyOfPath(change.path);
    lost.set(key, [...(lost.get(key) ?? []), change]);
  }
  if (topics.size < 2 || signal.aborted) return first;
  const second = new Map<Change, Outcome | undefined>();
  for (const some of lost.values()) {
    // Where the broker is really gone, what the first try said stands.
    const outcomes = await writeOnce(some, options, signal).catch(() => []);
    for (const [index, change] of some.entries()) second.set(change, outcomes[index]);
  }
  return first.map((outcome, index) => {
    const change = changes[index];
    return (change === undefined ? undefined : second.get(change)) ?? outcome;
  });
}

function isLost(error: Error): boolean {
  return error instanceof TrueupError && error.code === "CONNECTION_FAILED";
}

async function writeOnce(
  requested: readonly Change[],
  options: WriteOptions,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const { spec, lists, subscription } = options;
  const failures = new Map<string, Error>();
  const changes = requested.map((change) => normalized(change, spec, failures));
  const topics = new Map<string, string>();
  for (const key of new Set(changes.map(({ path }) => keyOfPath(path)))) {
    if (!failures.has(key)) topics.set(key, topicOf(spec.prefix, key));
  }
  const link = await subscription.refresh(signal, [...topics.values()]);
  const live = subscription.replica.document();
  const { document, steps } = applyChanges(live, changes, lists);

  const writes = new Map<string, TopicWrite>();
  for (const step of steps) {
    const key = keyOfPath(step.change.path);
    const topic = topics.get(key);
    if ("moved" in step || step.edits.length === 0 || topic === undefined || failures.has(key)) continue;
    const after = member(document, key);
    attempt(key, failures, () =>
      writes.set(key, { topic, before: member(live, key), after, payload: payloadOf(after, spec) }),
    );
  }
  const unsure = await publishAll(writes, { link, failures, signal });
  const found = await settle(writes, { unsure, failures, subscription });
  const seen =
    found instanceof Error
      ? []
      : applyChanges(
          found,
          changes.map(({ path, desired }) => ({ path, expected: desired, desired })),
          lists,
        ).steps;

  return steps.map((step, index): Outcome => {
    const { path } = step.change;
    const key = keyOfPath(path);
    const failure = failures.get(key);
    const write = writes.get(key);
    if (failure !== undefined && !unsure.has(key)) return { path, result: "failed", error: failure };
    if ("moved" in step) return { path, result: "moved", live: step.live };
    if (write === undefined) return { path, result: "applied" };
    if (found instanceof Error) return { path, result: "failed", error: failure ?? found };
    const now = seen[index];
    if (now === undefined || !("moved" in now)) return { path, result: "applied" };
    // Neither as it was nor as we wrote it: someone else wrote the topic in between.
    if (!equal(member(found, key), write.before)) return { path, result: "moved", live: now.live };
    if (failure === undefined)
      return { path, result: "failed", error: denied(`write "${write.topic}": it keeps the old value`) };
    const error = writes.size === 1 && isLost(failure) ? denied(`write "${write.topic}": it hangs up`) : failure;
    return { path, result: "failed", error };
  });
}

/** One topic that changes touch. */
interface TopicWrite {
  readonly topic: string;
  readonly before: Value | undefined;
  readonly after: Value | undefined;
  readonly payload: Buffer;
}

function keyOfPath(path: string): string {
  const [key] = parsePointer(path);
  if (key === undefined) throw new TrueupError("INTERNAL", "a change of a whole document is no change of topics");
  return key;
}

/** The change as `observe` would report what it wants; what no topic can hold is a failure of that topic. */
function normalized(change: Change, spec: MqttSpec, failures: Map<string, Error>): Change {
  const [key = "", ...inside] = parsePointer(change.path);
  let desired = change.desired;
  attempt(key, failures, () => {
    topicOf(spec.prefix, key);
    if (desired !== undefined && inside.length === 0) {
      desired = decodePayload(encodePayload(desired, spec.payload), spec.payload);
    }
  });
  return { ...change, desired };
}

function payloadOf(value: Value | undefined, spec: MqttSpec): Buffer {
  return value === undefined ? Buffer.alloc(0) : encodePayload(value, spec.payload);
}

function attempt(key: string, failures: Map<string, Error>, action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof TrueupError)) throw error;
    failures.set(key, error);
  }
}

interface PublishOptions {
  readonly link: Link;
  readonly failures: Map<string, Error>;
  readonly signal: AbortSignal;
}

/** Publishes each; gives back the keys that may have been written, which only reading back can tell. */
async function publishAll(writes: ReadonlyMap<string, TopicWrite>, options: PublishOptions): Promise<Set<string>> {
  const { link, failures, signal } = options;
  const unsure = new Set<string>();
  const queue = new PQueue({ concurrency: link.inFlight });
  await queue.addAll(
    [...writes].map(([key, { topic, payload }]) => async () => {
      if (signal.aborted) {
        failures.set(key, new TrueupError("ABORTED", `stopped before "${topic}" was written`));
        return;
      }
      try {
        await link.publish(topic, payload);
        unsure.add(key);
      } catch (error) {
        failures.set(key, error as Error);
        const code = error instanceof TrueupError ? error.code : undefined;
        if (code === "CONNECTION_FAILED" || code === "TARGET_TIMEOUT") unsure.add(key);
      }
    }),
  );
  return unsure;
}

interface SettleOptions {
  readonly unsure: ReadonlySet<string>;
  readonly failures: ReadonlyMap<string, Error>;
  readonly subscription: Subscription;
}

/** Reads what was written until no acknowledged topic is as before any more, or for a bounded time: the live document, or why not. */
async function settle(writes: ReadonlyMap<string, TopicWrite>, options: SettleOptions): Promise<Document | Error> {
  const { unsure, failures, subscription } = options;
  const asked = [...writes].filter(([key]) => unsure.has(key));
  if (asked.length === 0) return subscription.replica.document();
  const found: { document?: Document } = {};
  const acknowledged = asked.filter(([key]) => !failures.has(key));
  const topics = asked.map(([, { topic }]) => topic);
  const deadline = AbortSignal.timeout(READ_BACK_MS);
  try {
    // Not under the caller's signal: a write in hand is finished, and finished means read back.
    await pRetry(
      async () => {
        delete found.document;
        await subscription.refresh(deadline, topics);
        const live = (found.document = subscription.replica.document());
        const pending = acknowledged.some(([key, { before, after }]) => {
          const now = member(live, key);
          return equal(now, before) && !equal(now, after);
        });
        if (pending) throw new Error("not yet");
      },
      { retries: Infinity, minTimeout: 10, maxTimeout: 200, maxRetryTime: SETTLE_MS, signal: deadline },
    );
  } catch (error) {
    return found.document ?? notReadBack(error);
  }
  return subscription.replica.document();
}

function notReadBack(cause: unknown): TrueupError {
  const hint = "whether it is in effect shows in the next reading";
  if (cause instanceof TrueupError) {
    return new TrueupError(cause.code, `written, but not read back: ${cause.message}`, { hint: cause.hint ?? hint });
  }
  return new TrueupError("TARGET_TIMEOUT", "written, but it could not be read back in time", { hint });
}
