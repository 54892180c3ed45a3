import type { ListRules } from "../core/change.js";
import type { Place, TrueupError } from "../core/errors.js";
import type { Pointer } from "../core/pointer.js";
import type { Rollout } from "../core/rollout.js";
import type { Document } from "../core/value.js";
import type { SourcedPolicy } from "../policies/drift.js";
import type { Claim, TargetKind } from "../targets/target.js";
import type { IgnoreRule } from "./environment-file.js";
import type { ReviewedHold } from "./holds-file.js";

/** An environment as its branch describes it at one commit: what should be. */
export interface RenderedEnvironment {
  readonly name: string;
  readonly revision: string;
  readonly sync: "auto" | "manual";
  readonly prune: boolean;
  readonly policy: SourcedPolicy;
  readonly targets: readonly RenderedTarget[];
  /** As its holds.yaml says, those that ended, too. */
  readonly holds: readonly ReviewedHold[];
  /** For a person: a reference that looks like a slip. */
  readonly warnings: readonly string[];
  /** In which order its targets get a revision; absent: all at once. */
  readonly rollout?: Rollout;
  /** The tip of its branch, where that failed here and is not tried again; `revision` is the last good one then, if any. */
  readonly failed?: FailedRevision;
}

export interface FailedRevision {
  readonly revision: string;
  readonly reason: string;
  /** ISO 8601. */
  readonly at: string;
}

/** A target whose document does not load fails alone: the others of the environment go on. */
export type RenderedTarget = ReadyTarget | FailedTarget;

export interface FailedTarget {
  readonly name: string;
  /** As the file says it, known or not. */
  readonly kindName: string;
  readonly error: TrueupError;
}

export interface ReadyTarget {
  readonly name: string;
  readonly kindName: string;
  readonly kind: TargetKind;
  readonly spec: unknown;
  readonly connection: unknown;
  readonly document: Document;
  readonly lists: ListRules;
  readonly exclusive: boolean;
  /** Milliseconds for one read or one write. */
  readonly timeout: number;
  readonly ignore: readonly IgnoreRule[];
  /** Marked in environment.yaml, named like a secret, or rendered from one. */
  readonly sensitive: (pointer: Pointer) => boolean;
  readonly claims: readonly Claim[];
  /** The file, line and column that gave a setting its value. */
  readonly explain: (pointer: Pointer) => Place | undefined;
}
