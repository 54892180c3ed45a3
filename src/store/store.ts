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
  readonly holds: Holds;
  readonly approvals: Approvals;
  readonly incidents: Incidents;
  readonly outbox: Outbox;
  readonly proposals: Proposals;
  readonly pullRequests: PullRequests;
  readonly schedules: Schedules;
  readonly promotions: Promotions;
  readonly runs: Runs;
  readonly rollouts: Rollouts;
  close(): Promise<void>;
}

/** One record a target: last applied and what was last seen. `save` replaces it, and appends `events` in the same transaction. */
export interface TargetRecords {
  load(environment: string): Promise<ReadonlyMap<string, TargetRecord>>;
  save(
    environment: string,
    target: string,
    update: { record: TargetRecord; events: readonly NewEvent[]; news?: News },
  ): Promise<void>;
  /** Forgets targets that git no longer names, with the events that say so: if they come back, that is first contact. */
  remove(
    environment: string,
    targets: readonly string[],
    update: { events: readonly NewEvent[]; news?: News },
  ): Promise<void>;
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
  /** Newest first, a page at a time, for those who need every event of certain types. */
  read(query: { types: readonly string[]; environment?: string; since: Date }): AsyncIterable<Event>;
  /**
   * What was open at a moment: for each setting, and for each target itself, the first event that opened something which no
   * later one had closed by then. A `retired` target closes all that was open of it.
   */
  openAt(
    moment: Date,
    query: { opens: readonly string[]; closes: readonly string[]; environment?: string },
  ): Promise<readonly Event[]>;
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

/** "Leave this drift alone until then, because, says who." */
export interface Hold {
  readonly environment: string;
  readonly target: string;
  /** A JSON Pointer; `""` is the whole target. */
  readonly path: string;
  /** `person`: set on the command line. `file`: a copy of what the environments repository says, to tell its end by. */
  readonly source: "person" | "file";
  readonly owner: string;
  readonly reason: string;
  /** ISO 8601, by the store's clock. */
  readonly at: string;
  /** As `Date.toISOString()` writes it. */
  readonly until: string;
}

/** A change comes with the event that tells of it, saved together: of two that see the same change, one makes and tells it. */
export interface Holds {
  /** Of one environment or of all, with those that ended: they stay until their end is told. */
  list(environment?: string): Promise<readonly Hold[]>;
  /** Adds it, or replaces that of the same place and source; false where it was already so, and nothing is told. */
  set(hold: Omit<Hold, "at">, event: NewEvent): Promise<boolean>;
  /** False where there is none of that place, source and end, and nothing is told. */
  remove(hold: Omit<Hold, "at" | "owner" | "reason">, event: NewEvent): Promise<boolean>;
}

/** "This very plan may be written, says who": used once, void when the plan changes. At most one a target. */
export interface Approval {
  readonly environment: string;
  readonly target: string;
  /** The hash of the plan. */
  readonly plan: string;
  /** Whose plan it is, as JSON text, so that it can be made again and compared. */
  readonly asked: string;
  readonly by: string;
  readonly reason?: string;
  /** ISO 8601, by the store's clock. */
  readonly at: string;
}

/** A change comes with the event that tells of it, saved together: of two that see the same change, one makes and tells it. */
export interface Approvals {
  list(environment?: string): Promise<readonly Approval[]>;
  /** Replaces that of another plan of the target; false where the plan was approved already, and nothing is told. */
  set(approval: Omit<Approval, "at">, event: NewEvent): Promise<boolean>;
  /** False where the target has none of that plan, and nothing is told. */
  remove(approval: Pick<Approval, "environment" | "target" | "plan">, event: NewEvent): Promise<boolean>;
}

export interface Suspensions {
  /** Only those that are in force now. */
  list(): Promise<readonly Suspension[]>;
  set(suspension: Omit<Suspension, "at">): Promise<void>;
  /** False where there was none. */
  clear(environment: string): Promise<boolean>;
}

/**
 * What became of incidents, and the messages that tell of it. Saved whole or not at all, with the record that it came of.
 * STORE_BUSY where another controller changed one of the incidents since it was read: read them again.
 */
export interface News {
  readonly incidents: readonly IncidentChange[];
  readonly messages: readonly NewMessage[];
}

export interface IncidentChange {
  readonly fingerprint: string;
  readonly environment: string;
  readonly target: string;
  readonly path?: string;
  /** JSON text, redacted. */
  readonly view: string;
  readonly severity: string;
  readonly held: boolean;
  /** Milliseconds. */
  readonly escalatedAfter: number;
  /** The notifiers that know of it. */
  readonly told: readonly string[];
  readonly openedWith: string;
  /** Its version when it was read; absent: it is new. */
  readonly version?: number;
  /** Present where it ended. */
  readonly closedAs?: string;
}

export type StoredIncident = Omit<IncidentChange, "version" | "closedAs"> & { readonly version: number };

export interface Incidents {
  /** Those of the targets, in the order of their opening. */
  open(environment: string, targets: readonly string[]): Promise<readonly StoredIncident[]>;
}

export interface NewMessage {
  readonly notifier: string;
  /** The same at every attempt. */
  readonly id: string;
  /** Fingerprints: a message waits for earlier ones that share one. */
  readonly incidents: readonly string[];
  /** JSON text, redacted. */
  readonly message: string;
  /** ISO 8601; absent: at once. */
  readonly notBefore?: string;
  /** Earlier messages of its incidents that were to wait, wait no longer. */
  readonly urgent?: boolean;
}

/** Messages that a notifier has yet to take. One that was taken leaves no row. */
export interface Outbox {
  /** A second message of the same id is none. */
  put(messages: readonly NewMessage[]): Promise<void>;
  /** Takes messages that are due, for a while: nobody else gets them until the claim ends or runs out. */
  claim(notifier: string, options: ClaimOptions): Promise<readonly ClaimedMessage[]>;
  /** They were taken. `thread` is kept for later messages of their incidents; `over`: incidents that have no later ones. */
  delivered(claim: Claim, answer: { thread?: string; over: readonly string[] }): Promise<void>;
  /** Back they go, for later; `dead`: never again, and in nobody's way. `error` is redacted. */
  failed(claim: Claim, answer: { error: string; retryIn: number; dead: boolean }): Promise<void>;
  /** Milliseconds until a message of the notifier is due, 0 where one is; undefined where none waits. */
  nextDue(notifier: string): Promise<number | undefined>;
  summary(): Promise<readonly OutboxSummary[]>;
}

export interface ClaimOptions {
  readonly by: string;
  /** Milliseconds after which the claim of a controller that died is void. */
  readonly ttl: number;
  readonly limit: number;
  /**
   * For a digest: those about incidents, those that wait for others of the same claim with them; or those about none, such as
   * reports, which must not be swallowed by it. Absent: all, one after the other.
   */
  readonly only?: "incidents" | "others";
}

export interface Claim {
  readonly by: string;
  readonly rows: readonly number[];
}

export interface ClaimedMessage {
  readonly row: number;
  readonly message: string;
  /** Those before this one. */
  readonly attempts: number;
  readonly incidents: readonly string[];
  /** What the notifier answered to the first message of one of its incidents. */
  readonly thread?: string;
}

export interface OutboxSummary {
  readonly notifier: string;
  readonly waiting: number;
  readonly dead: number;
  readonly lastError?: string;
}

/** What is done by the clock: once for each of its times, however many controllers share the store. Times are ISO 8601. */
export interface Schedules {
  /** The latest time that was taken. */
  last(schedule: string): Promise<string | undefined>;
  /** Takes a time, and puts its messages into the outbox with it; false where it, or a later one, was taken already. */
  take(schedule: string, time: string, messages: readonly NewMessage[]): Promise<boolean>;
}

/** What is known of each target's drift pull request, JSON text; changed together with the events that tell of it. */
export interface Proposals {
  load(environment: string): Promise<ReadonlyMap<string, string>>;
  save(
    environment: string,
    target: string,
    update: { readonly proposal: string; readonly events: readonly NewEvent[] },
  ): Promise<void>;
  remove(environment: string, target: string, events: readonly NewEvent[]): Promise<void>;
}

export interface PullRequestRecord {
  readonly number: number;
  readonly url: string;
  readonly title: string;
  readonly body: string;
  readonly state: "open" | "merged" | "closed";
}

/** The pull requests of the forge of our own, by their head branch: at most one is open for each. */
export interface PullRequests {
  /** The newest. */
  find(head: string): Promise<PullRequestRecord | undefined>;
  get(number: number): Promise<PullRequestRecord | undefined>;
  /** The open one, where there is one. */
  add(head: string, pullRequest: Omit<PullRequestRecord, "number">): Promise<PullRequestRecord>;
  put(pullRequest: PullRequestRecord): Promise<void>;
}

/** What is known of promotions, by the environment that is promoted into. */
export interface Promotions {
  /** What is under way, as JSON text. */
  load(): Promise<ReadonlyMap<string, string>>;
  /** Replaces or, without `promotion`, forgets what is under way; `arrival`: a commit of the branch brought a revision. */
  save(
    environment: string,
    update: {
      readonly promotion?: string | undefined;
      readonly arrival?: { readonly commit: string; readonly revision: string };
      readonly events: readonly NewEvent[];
    },
  ): Promise<void>;
  /** By the commit of the environment's branch, the revision that it brought. */
  arrivals(environment: string): Promise<ReadonlyMap<string, string>>;
  /** On this very revision, oldest first. */
  decisions(environment: string, revision: string): Promise<readonly Decision[]>;
  /** False where that person decided so already, and nothing is told. */
  decide(
    environment: string,
    revision: string,
    update: { readonly decision: Omit<Decision, "at">; readonly event: NewEvent },
  ): Promise<boolean>;
  /** Takes back all that the person decided on this revision; false where that is nothing, and nothing is told. */
  withdraw(
    environment: string,
    revision: string,
    update: { readonly by: string; readonly event: NewEvent },
  ): Promise<boolean>;
}

/** A person's word on a revision that is to reach an environment. */
export interface Decision {
  readonly by: string;
  /** ISO 8601, by the store's clock. */
  readonly at: string;
  /** The gate that is waived; absent: the revision is approved. */
  readonly gate?: string;
  readonly reason?: string;
}

/** Which revisions an environment was in sync at, and since when. */
export interface Runs {
  /** ISO 8601: since when the environment was in sync at the revision; undefined where it never was, or the revision failed. */
  since(environment: string, revision: string): Promise<string | undefined>;
  /** Newest first; without those that failed. */
  list(environment: string, limit: number): Promise<readonly Run[]>;
  /** Newest first, with those that failed. */
  past(environment: string, limit: number): Promise<readonly PastRun[]>;
  /** The environment is in sync at the revision: now for the first time, still, or again after another one. */
  note(environment: string, revision: string): Promise<void>;
}

export interface Run {
  readonly revision: string;
  /** ISO 8601, by the store's clock. */
  readonly since: string;
}

/** One that failed was, as far as is known, never in sync: `since` is when that was found. */
export interface PastRun extends Run {
  readonly failure?: RunFailure;
}

/** How revisions roll out within environments. */
export interface Rollouts {
  /** How the newest revision stands, as JSON text. */
  load(environment: string): Promise<string | undefined>;
  /** Replaces it, with what came of it, whole or not at all. @throws STORE_BUSY as for `News` */
  save(
    environment: string,
    update: {
      readonly rollout: string;
      /** It is no run from now on, and is not tried again. */
      readonly failed?: { readonly revision: string; readonly reason: string };
      readonly events: readonly NewEvent[];
      readonly news?: News | undefined;
    },
  ): Promise<void>;
  /** When and why the revision failed; undefined: it did not. */
  failure(environment: string, revision: string): Promise<RunFailure | undefined>;
}

export interface RunFailure {
  /** ISO 8601, by the store's clock. */
  readonly at: string;
  readonly reason: string;
}
