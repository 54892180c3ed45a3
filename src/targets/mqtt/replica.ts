import { randomBytes } from "node:crypto";
import { type Document, type Value, mapOf } from "../../core/value.js";
import type { Retained } from "./link.js";
import { decodePayload, type PayloadMode } from "./payload.js";
import { keyOf } from "./topics.js";

/** What the topics below a prefix were last read to hold. */
export interface Replica {
  /** The whole set was read. */
  replace(found: Retained): void;
  /** Single topics were read; one that was not found is absent. */
  update(asked: readonly string[], found: Retained): void;
  topics(): readonly string[];
  document(): Document;
  /** Differs whenever the document does, also from that of any other replica. */
  version(): string;
}

export function createReplica(prefix: string, mode: PayloadMode): Replica {
  const held = new Map<string, { readonly payload: Buffer; readonly value: Value }>();
  const name = randomBytes(6).toString("hex");
  let changes = 0;
  let document: Document | undefined;

  const moved = () => {
    changes += 1;
    document = undefined;
  };
  const set = (key: string, payload: Buffer | undefined) => {
    if (payload === undefined) {
      if (held.delete(key)) moved();
    } else if (held.get(key)?.payload.equals(payload) !== true) {
      // A copy: the buffer that arrived may be a view of a whole chunk of the socket.
      held.set(key, { payload: Buffer.from(payload), value: decodePayload(payload, mode) });
      moved();
    }
  };
  return {
    replace(found) {
      const keys = new Set<string>();
      for (const [topic, payload] of found) {
        const key = keyOf(prefix, topic);
        if (key === undefined) continue;
        keys.add(key);
        set(key, payload);
      }
      for (const key of [...held.keys()]) if (!keys.has(key)) set(key, undefined);
    },
    update(asked, found) {
      for (const topic of asked) {
        const key = keyOf(prefix, topic);
        if (key !== undefined) set(key, found.get(topic));
      }
    },
    topics: () => [...held.keys()].map((key) => `${prefix}/${key}`),
    document: () => (document ??= mapOf([...held].map(([key, { value }]) => [key, value] as const))),
    version: () => `${name}:${changes}`,
  };
}
