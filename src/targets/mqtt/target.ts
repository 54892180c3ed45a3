import PQueue from "p-queue";
import pRetry from "p-retry";
import { TrueupError } from "../../core/errors.js";
import { parsePointer } from "../../core/pointer.js";
import { mapOf, type Document } from "../../core/value.js";
import { oncePer } from "../../lib/once-per.js";
import type { OpenOptions, Target } from "../target.js";
import { decodePayload, encodePayload } from "./payload.js";
import type { MqttConnection, MqttSpec } from "./spec.js";
import { gone, subscribe } from "./subscription.js";
import { topicFault } from "./topics.js";
import { writeTopics } from "./write.js";

/** A storm of publications tells `moved` at once, and then once in so long. */
const QUIET_MS = 20;
const REREAD_MS = 5 * 60_000;

export async function openMqtt(
  { spec, connection, lists }: OpenOptions<MqttSpec, MqttConnection>,
  { rereadMs = REREAD_MS } = {},
): Promise<Target> {
  // The driver is most of the start-up time: it loads while the caller still opens other targets.
  await import("mqtt");
  const subscription = subscribe(spec, connection, rereadMs);
  const closing = new AbortController();
  const queue = new PQueue({ concurrency: 1 });
  const inTurn = <T>(task: () => Promise<T>): Promise<T> =>
    queue.add(() => {
      closing.signal.throwIfAborted();
      return task();
    });

  async function watch(moved: () => void, signal: AbortSignal): Promise<void> {
    const ended = () => signal.aborted || closing.signal.aborted;
    const calls = coalesce(moved);
    const unlisten = subscription.listen(calls.call);
    let seen = subscription.replica.version();
    try {
      while (!ended()) {
        const link = await pRetry(() => inTurn(() => subscription.refresh(signal)), {
          retries: Infinity,
          minTimeout: 250,
          maxTimeout: 30_000,
          randomize: true,
          signal,
          // A login or right that is missing is not there a second later: a person must see to it.
          shouldRetry: ({ error }) => isPassing(error) && !ended(),
        });
        // What happened while nobody listened.
        const version = subscription.replica.version();
        if (seen !== version) calls.call();
        await gone(link, [signal, closing.signal]);
        seen = subscription.replica.version();
      }
    } catch (error) {
      if (!ended()) throw error;
    } finally {
      unlisten();
      calls.stop();
    }
  }

  return {
    capabilities: { prune: true, watch: true, atomic: false },
    normalize: oncePer((document: Document) =>
      mapOf(
        Object.entries(document).map(
          ([key, value]) => [key, decodePayload(encodePayload(value, spec.payload), spec.payload)] as const,
        ),
      ),
    ),
    observe: (managed, signal) =>
      inTurn(async () => {
        subscription.expect([...managed].flatMap((key) => topicIfValid(spec.prefix, key) ?? []));
        await subscription.refresh(signal);
        return { document: subscription.replica.document(), version: subscription.replica.version() };
      }),
    apply: (changes, signal) =>
      inTurn(async () => {
        signal.throwIfAborted();
        return changes.length === 0 ? [] : writeTopics(changes, { spec, lists, subscription }, signal);
      }),
    watch,
    lastWriters: async (paths, signal) => {
      signal.throwIfAborted();
      const writers = paths.map((path) => {
        const [key = ""] = parsePointer(path);
        return [path, subscription.writerOf(`${spec.prefix}/${key}`)] as const;
      });
      return Promise.resolve(new Map(writers.flatMap(([path, by]) => (by === undefined ? [] : [[path, by] as const]))));
    },
    async close() {
      if (closing.signal.aborted) return;
      closing.abort(new TrueupError("ABORTED", "the target was closed"));
      // Twice: the first ends what is waiting for the broker, the second a connection that was just being made.
      await subscription.close();
      await queue.onIdle();
      await subscription.close();
    },
  };
}

/** A name that no topic can have is refused where it is written; nothing live has it. */
function topicIfValid(prefix: string, key: string): string | undefined {
  const topic = `${prefix}/${key}`;
  return topicFault(topic) === undefined ? topic : undefined;
}

function isPassing(error: unknown): boolean {
  return error instanceof TrueupError && (error.code === "CONNECTION_FAILED" || error.code === "TARGET_TIMEOUT");
}

/** The first call goes through at once, those of the next QUIET_MS become one. */
function coalesce(action: () => void) {
  let timer: NodeJS.Timeout | undefined;
  let again = false;
  const call = () => {
    if (timer !== undefined) {
      again = true;
      return;
    }
    timer = setTimeout(() => {
      timer = undefined;
      if (again) call();
    }, QUIET_MS);
    again = false;
    action();
  };
  return {
    call,
    stop: () => {
      clearTimeout(timer);
    },
  };
}
