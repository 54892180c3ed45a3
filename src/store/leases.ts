import { setMaxListeners } from "node:events";
import { TrueupError } from "../core/errors.js";
import type { Query } from "./database.js";
import type { Lease, Leases } from "./store.js";

/** How long a lease outlives the last sign of life of its holder, in milliseconds. */
export const LEASE_TTL = 30_000;

// clock_timestamp() and not now(): the lease counts from when it is written, not from when a transaction began.
const ACQUIRE = `
  INSERT INTO trueup.lease AS held (name, holder, expires_at)
  VALUES ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
  ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, token = excluded.token, expires_at = excluded.expires_at
  WHERE held.expires_at <= clock_timestamp()
  RETURNING token`;

const RENEW = `
  UPDATE trueup.lease SET expires_at = clock_timestamp() + $3 * interval '1 millisecond'
  WHERE name = $1 AND token = $2
  RETURNING token`;

const RELEASE = `DELETE FROM trueup.lease WHERE name = $1 AND token = $2`;

const CLEAR = `DELETE FROM trueup.lease WHERE name = $1 AND holder = $2`;

const HOLDER = `SELECT holder FROM trueup.lease WHERE name = $1 AND expires_at > clock_timestamp()`;

/** `releaseAll` is for close(): the next controller need not wait for the leases to run out. */
export function leases(query: Query, ttl: number): Leases & { releaseAll(): Promise<void> } {
  const held = new Set<Lease>();
  return {
    acquire: async (name, { holder }) => {
      const asked = performance.now();
      const [row] = await query<{ token: string }>(ACQUIRE, [name, holder, ttl]);
      if (row === undefined) return undefined;
      const renew = async () => (await query(RENEW, [name, row.token, ttl])).length > 0;
      const upkeep = keepAlive(renew, { name, ttl, asked });
      const lease: Lease = {
        lost: upkeep.lost,
        release: async () => {
          held.delete(lease);
          upkeep.stop();
          await query(RELEASE, [name, row.token]);
        },
      };
      held.add(lease);
      return lease;
    },
    holder: async (name) => (await query<{ holder: string }>(HOLDER, [name]))[0]?.holder,
    clear: async (name, { holder }) => {
      await query(CLEAR, [name, holder]);
    },
    releaseAll: async () => {
      // A database that cannot be reached any more lets the leases run out by itself.
      await Promise.allSettled([...held].map((lease) => lease.release()));
    },
  };
}

/**
 * Renews three times in a lease's life, so that two renewals in a row may fail. The lease is lost at once where another holder
 * has taken it, and at the latest when it has run out by our own clock, which counts from when the last renewal that succeeded
 * was asked for: never later than the database counts from. A process that was stopped for longer learns of it as it wakes.
 */
function keepAlive(
  renew: () => Promise<boolean>,
  { name, ttl, asked }: { name: string; ttl: number; asked: number },
): { lost: AbortSignal; stop: () => void } {
  const controller = new AbortController();
  // All targets of an environment share one: more than the ten from which Node suspects a leak.
  setMaxListeners(0, controller.signal);
  let next: NodeJS.Timeout | undefined;
  let end: NodeJS.Timeout | undefined;
  let stopped = false;

  const stop = (): void => {
    stopped = true;
    clearTimeout(next);
    clearTimeout(end);
  };
  const lose = (why: string): void => {
    stop();
    controller.abort(
      new TrueupError("STORE_BUSY", `the lease "${name}" is lost: ${why}`, {
        hint: "Its environment is reconciled again as soon as the lease is free; see who holds it in `trueup doctor`.",
      }),
    );
  };
  const renewed = (at: number): void => {
    clearTimeout(end);
    end = setTimeout(lose, at + ttl - performance.now(), "it could not be renewed in time").unref();
  };
  const schedule = (): void => {
    next = setTimeout(() => void attempt(), ttl / 3).unref();
  };
  const attempt = async (): Promise<void> => {
    const at = performance.now();
    // A store that is out of reach may be back by the next attempt; `end` bounds the wait.
    const ours = await renew().catch(() => undefined);
    if (stopped) return;
    if (ours === false) {
      lose("another controller has taken it");
      return;
    }
    if (ours === true) renewed(at);
    schedule();
  };
  renewed(asked);
  schedule();
  return { lost: controller.signal, stop };
}
