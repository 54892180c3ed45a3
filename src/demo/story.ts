import { setTimeout as delay } from "node:timers/promises";
import type { Log, LogFields } from "../lib/log.js";

/** Milliseconds. Only ever waited for in full where something is wrong, or the machine has much else to do. */
export const PATIENCE = 60_000;

/** What the controller said, for whoever waits for it. */
export interface Story {
  readonly log: Log;
  /** Resolves with the first line from now on that has these fields, or undefined when that took too long or is over. */
  heard(about: About): Promise<Heard | undefined>;
}

interface About {
  readonly environment: string;
  readonly target?: string;
  readonly path?: string;
  readonly event: string;
}

export interface Heard {
  readonly message: string;
  /** performance.now() when it was said. */
  readonly at: number;
}

export function listen(verbose: (fields: LogFields, message: string) => void, stop: AbortSignal): Story {
  const said: { fields: LogFields; heard: Heard }[] = [];
  const note = (fields: LogFields, message: string): void => {
    said.push({ fields, heard: { message, at: performance.now() } });
    verbose(fields, message);
  };
  return {
    log: { debug: () => undefined, info: note, warn: note, error: note },
    async heard(about) {
      const from = said.length;
      const deadline = performance.now() + PATIENCE;
      while (performance.now() < deadline && !stop.aborted) {
        const match = said
          .slice(from)
          .find(({ fields }) => Object.entries(about).every(([key, value]) => fields[key] === value));
        if (match !== undefined) return match.heard;
        await delay(5);
      }
      return undefined;
    },
  };
}
