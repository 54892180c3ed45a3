import { setTimeout as delay } from "node:timers/promises";
import { joined } from "../lib/signals.js";

/** Waits so long, or until one of the signals aborts. */
export async function pause(milliseconds: number, until: readonly AbortSignal[]): Promise<void> {
  const woken = joined(until);
  await delay(milliseconds, undefined, { signal: woken.signal }).catch(() => undefined);
  woken.release();
}
