import { setTimeout as delay } from "node:timers/promises";
import type { Lease } from "../store/store.js";
import type { Session } from "./session.js";

interface Shared {
  readonly lease: Promise<Lease | undefined>;
  holders: number;
  /** It ran out under its holders: who comes now takes a new one. */
  isLost: boolean;
}

const shared = new WeakMap<Session, Map<string, Shared>>();

export interface LeaseOptions {
  readonly environment: string;
  /** How long to wait while another controller holds it, in milliseconds. */
  readonly patience: number;
}

export type Held<T> = { readonly held: true; readonly result: T } | { readonly held: false; readonly by: string };

/**
 * Does work that writes to an environment while no other controller does. The targets of an environment are healed side by
 * side, so they share one lease: the first takes it, the last lets go.
 */
export async function withLease<T>(
  session: Session,
  { environment, patience }: LeaseOptions,
  work: (lost: AbortSignal) => Promise<T>,
): Promise<Held<T>> {
  const leases = shared.get(session) ?? new Map<string, Shared>();
  shared.set(session, leases);
  const known = leases.get(environment);
  const entry =
    known?.isLost === false ? known : { lease: acquire(session, environment, patience), holders: 0, isLost: false };
  leases.set(environment, entry);
  entry.holders += 1;
  try {
    const lease = await entry.lease;
    if (lease === undefined) {
      const by = await (await session.store()).leases.holder(environment);
      return { held: false, by: by ?? "another controller" };
    }
    lease.lost.addEventListener("abort", () => (entry.isLost = true), { once: true });
    return { held: true, result: await work(lease.lost) };
  } finally {
    entry.holders -= 1;
    if (entry.holders === 0) {
      if (leases.get(environment) === entry) leases.delete(environment);
      await entry.lease.then((lease) => lease?.release()).catch(ignore);
    }
  }
}

async function acquire(session: Session, environment: string, patience: number): Promise<Lease | undefined> {
  const { leases } = await session.store();
  const deadline = performance.now() + patience;
  for (;;) {
    const lease = await leases.acquire(environment, { holder: session.holder });
    if (lease !== undefined) return lease;
    const holder = await leases.holder(environment);
    if (holder !== undefined && isDead(holder, session.holder)) {
      await leases.clear(environment, { holder });
      continue;
    }
    if (performance.now() >= deadline) return undefined;
    await delay(200, undefined, { signal: session.stop });
  }
}

/**
 * Whether a holder, `user@host:pid`, was killed: a process of this host that is no more, or one that had our own name, as in a
 * container where every life has the same pid. Of other hosts nothing is known: their leases run out.
 */
function isDead(holder: string, own: string): boolean {
  if (holder === own) return true;
  const [theirs, ours] = [holder, own].map((name) => /@(?<host>[^@]*):(?<pid>\d+)$/.exec(name)?.groups);
  if (theirs === undefined || theirs["host"] !== ours?.["host"]) return false;
  try {
    process.kill(Number(theirs["pid"]), 0);
    return false;
  } catch (error) {
    // EPERM: it lives, and is another user's.
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
}

function ignore(): void {
  // A lease that cannot be released runs out by itself.
}
