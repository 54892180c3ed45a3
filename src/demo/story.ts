import { setTimeout as delay } from "node:timers/promises";
import type { Log, LogFields } from "../lib/log.js";

/** What the controller said, for whoever waits for it. */
export interface Story {
  readonly log: Log;
  /** Resolves with the line when the controller says it of the setting, or undefined when that took too long. */
  heard(
    about: { environment: string; target: string; path: string; event: string },
    patience: number,
  ): Promise<Heard | undefined>;
}

export interface Heard {
  readonly message: string;
  /** performance.now() when it was said. */
  readonly at: number;
}

export function listen(verbose: (fields: LogFields, message: string) => void): Story {
  const said: { fields: LogFields; heard: Heard }[] = [];
  const note = (fields: LogFields, message: string): void => {
    said.push({ fields, heard: { message, at: performance.now() } });
    verbose(fields, message);
  };
  return {
    log: { debug: () => undefined, info: note, warn: note, error: note },
    async heard(about, patience) {
      const from = said.length;
      const deadline = performance.now() + patience;
      while (performance.now() < deadline) {
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
