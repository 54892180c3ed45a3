import type { Value } from "../core/value.js";

/**
 * What Trueup remembers. Everything in it can be rebuilt: an empty store means first contact, never damage.
 * The same SQL runs on the embedded PGlite and on a PostgreSQL 14+ server; `test/contract/store.ts` runs against both.
 * No value of a sensitive setting is ever handed to the store in the clear: callers seal it first.
 */
export interface Store {
  readonly records: TargetRecords;
  readonly history: History;
  readonly leases: Leases;
  readonly suspensions: Suspensions;
  close(): Promise<void>;
}

/** One record a target: last applied and what was last seen. `save` replaces it, and appends `events` in the same transaction. */
export interface TargetRecords {
  load(environment: string): Promise<ReadonlyMap<string, TargetRecord>>;
  save(
    environment: string,
    target: string,
    update: { record: TargetRecord; events: readonly NewEvent[] },
  ): Promise<void>;
  /** Forgets targets that git no longer names, with the events that say so: if they come back, that is first contact. */
  remove(environment: string, targets: readonly string[], events: readonly NewEvent[]): Promise<void>;
}

export interface TargetRecord {
  /** Last applied, sealed, as JSON text (see core/sealed.ts); absent before first contact. */
  readonly lastApplied?: string;
  /** The state with its reason and findings as the last pass left them, redacted; JSON text. */
  readonly status: string;
  readonly revision?: string;
}

export interface NewEvent {
  readonly environment: string;
  readonly target?: string;
  /** E.g. `drifted`, `healed`, `applied`, `adopted`, `failed`, `resolved`, `branch-rewritten`, `suspended`. */
  readonly type: string;
  readonly path?: string;
  readonly revision?: string;
  /** A sentence for a person. */
  readonly message: string;
  /** Redacted details for a program. */
  readonly detail?: Readonly<Record<string, Value>>;
}

export interface Event extends NewEvent {
  readonly id: number;
  /** ISO 8601, by the store's clock. */
  readonly at: string;
}

export interface History {
  append(events: readonly NewEvent[]): Promise<void>;
  /** Newest first. */
  list(query: { environment?: string; target?: string; since?: Date; limit: number }): Promise<readonly Event[]>;
}

/** Advisory: at most one holder of a name, for as long as the holder lives and renews. */
export interface Leases {
  /** Undefined where someone else holds it. */
  acquire(name: string, options: { holder: string }): Promise<Lease | undefined>;
  /** Who holds it now, for a message. */
  holder(name: string): Promise<string | undefined>;
  /** Takes the lease from a holder of which the caller knows that it is dead. */
  clear(name: string, options: { holder: string }): Promise<void>;
}

export interface Lease {
  /** Aborts when the lease could not be renewed: stop writing. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

export interface Suspension {
  readonly environment: string;
  readonly by: string;
  readonly reason: string;
  readonly at: string;
  /** ISO 8601; absent: until resumed. */
  readonly until?: string;
}

export interface Suspensions {
  /** Only those that are in force now. */
  list(): Promise<readonly Suspension[]>;
  set(suspension: Omit<Suspension, "at">): Promise<void>;
  /** False where there was none. */
  clear(environment: string): Promise<boolean>;
}
