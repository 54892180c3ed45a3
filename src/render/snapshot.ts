import type { TrueupError } from "../core/errors.js";

/** One file of the environments repository at a commit: its content by blob id, or why it is refused. */
export type SnapshotFile =
  { readonly id: string; readonly content: Buffer } | { readonly id: string; readonly refused: TrueupError };

/** The files below `environments/` and `policies/` at one commit, by their path relative to the repository's `path`. */
export type Snapshot = ReadonlyMap<string, SnapshotFile>;
