import type { CommitStatus, ConversationForge, Forge, OpenPullRequest } from "../forges/forge.js";
import type { Session } from "../reconcile/session.js";
import type { Preview } from "./preview.js";

/** What a controller remembers between its passes, so that an idle one asks git nothing and writes nothing. */
export interface PreviewMemory {
  /** By number, what the pull request was told last. */
  readonly told: Map<number, Told>;
  /** By commit, the status that it was told last. */
  readonly statuses: Map<string, string>;
  /** By number, the fault that was last logged. */
  readonly faults: Map<number, string>;
  /** What the forge refuses, as it was logged: the same for one pull request as for the next. */
  readonly refusals: Set<string>;
}

export interface Told {
  /** What it was made of: the configuration, where it is to be merged, and what. */
  readonly key: readonly unknown[];
  /** By environment, the secrets that it took. */
  readonly taken: ReadonlyMap<string, ReadonlyMap<string, string | undefined>>;
  readonly relation: Preview["relation"];
  readonly commit: string;
  readonly status: CommitStatus;
}

export function previewMemory(): PreviewMemory {
  return { told: new Map(), statuses: new Map(), faults: new Map(), refusals: new Set() };
}

export interface PreviewPass {
  readonly session: Session;
  readonly forge: Forge;
  readonly conversations: ConversationForge;
  readonly memory: PreviewMemory;
  readonly signal: AbortSignal;
}

/** What was found of a pull request in this pass, and is to be told. */
export interface Looked {
  readonly pull: OpenPullRequest;
  readonly preview: Preview;
  readonly told: Told;
}
