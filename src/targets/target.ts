import type { z } from "zod";
import type { Attribution } from "../core/attribution.js";
import type { Change, ListRules, Observation, Outcome } from "../core/change.js";
import type { TrueupError } from "../core/errors.js";
import type { Pointer } from "../core/pointer.js";
import type { Document } from "../core/value.js";

/**
 * One live system, or a part of one, that holds configuration. Every implementation passes `test/contract/target.ts`.
 *
 * Errors are TrueupErrors without any credential or setting value in them. Whatever waits ends when its signal aborts, with
 * the signal's reason. A target connects when it is first used, and again after the server went away: a failed call never
 * makes the next one fail.
 */
export interface Target {
  readonly capabilities: { readonly prune: boolean; readonly watch: boolean; readonly atomic: boolean };

  /** The desired document in the form that `observe` would report it. Called after a successful `observe`; pure given what that learned. */
  normalize(document: Document): Document;

  /**
   * Reads the live document, in one round trip. `managed` names the first-level members that git or last applied know;
   * a kind that cannot list what it holds (files) reads just those, others read everything in their scope.
   * Throws where the read failed or may be partial: an Observation is always whole.
   */
  observe(managed: ReadonlySet<string>, signal: AbortSignal): Promise<Observation>;

  /**
   * Writes, compare-and-set: a setting whose live value is not `expected` is left and reported as `moved`. One outcome a
   * change, in the order of the changes. Throws only where nothing at all was written. An atomic target writes all or
   * nothing of what did not move. On abort it finishes the write in hand and reports the rest as failed (ABORTED).
   */
  apply(changes: readonly Change[], signal: AbortSignal): Promise<readonly Outcome[]>;

  /**
   * Calls `moved` whenever the live side may have changed, until the signal aborts. Resolves then; rejects when watching broke.
   * Nothing since the last `observe` goes unheard: where listening begins later than that, `moved` is called as it begins.
   */
  watch?(moved: () => void, signal: AbortSignal): Promise<void>;

  /**
   * Who changed these settings last, where the live system tells: asked about drift that the last `observe` found. Never
   * Trueup itself; never a setting's value, nor the text of a statement that may hold one. What is not known is left out.
   */
  lastWriters?(paths: readonly Pointer[], signal: AbortSignal): Promise<ReadonlyMap<Pointer, Attribution>>;

  /** For `trueup doctor`: what would keep `apply` from writing, found without writing; undefined where nothing is known to. */
  mayWrite?(managed: ReadonlySet<string>, signal: AbortSignal): Promise<TrueupError | undefined>;

  /** Ends connections. Idempotent. */
  close(): Promise<void>;
}

/**
 * One kind of target: what `environment.yaml` may say of it, what `trueup.yaml` may say of its connection, and how it is
 * opened. The schemas are cheap to load; `open` imports the driver.
 */
export interface TargetKind<Spec = unknown, Connection = unknown> {
  readonly kind: string;
  /** Whether a layer has a folder of documents for the target, one file each, instead of one document. */
  readonly manyDocuments: boolean;
  /** Keys of the target in environment.yaml beyond those that every target has (see `CommonSpec`). */
  readonly spec: z.ZodType<Spec>;
  readonly connection: z.ZodType<Connection>;
  /**
   * Whether the operator's connection lets this target reach what it names, and what it would write; touches nothing live.
   * Throws TARGET_REFUSED or DOCUMENT_UNREPRESENTABLE.
   */
  admit(request: AdmitRequest<Spec, Connection>): readonly Claim[];
  open(options: OpenOptions<Spec, Connection>): Promise<Target>;
  /** Loads the driver, for a caller that has to wait for something else before it can open. */
  load?(): Promise<unknown>;
  /** For `trueup init target`: where the live system tells of its changes only once something is installed in it. */
  push?(options: OpenOptions<Spec, Connection>): Promise<PushSetup>;
}

/** What makes a live system tell of its changes: shown to a person before it is run. */
export interface PushSetup {
  /** The scripts, as the system's own tools would run them. */
  readonly install: string;
  readonly remove: string;
  run(script: "install" | "remove", signal: AbortSignal): Promise<void>;
}

export interface AdmitRequest<Spec, Connection> {
  readonly spec: Spec;
  readonly connection: Connection;
  readonly document: Document;
}

/** Two targets conflict when they claim the same system and one path is a prefix of (or equals) the other. */
export interface Claim {
  /** E.g. `postgres db.example:5432/predictor`, `mqtt broker.example:8883`, `files`. Never a credential. */
  readonly system: string;
  readonly path: readonly string[];
}

export interface OpenOptions<Spec, Connection> {
  readonly environment: string;
  readonly name: string;
  readonly spec: Spec;
  readonly connection: Connection;
  readonly lists: ListRules;
}
