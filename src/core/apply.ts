import type { Change, Edit, ListRules } from "./change.js";
import type { Document, Value } from "./value.js";

/** What became of one change: the edits that carry it out, or the live value that had moved. */
export type Step =
  | { readonly change: Change; readonly edits: readonly Edit[] }
  | { readonly change: Change; readonly moved: true; readonly live: Value | undefined };

export interface Application {
  /** The live document with the changes that did not move. */
  readonly document: Document;
  /** One a change, in the order of the changes. */
  readonly steps: readonly Step[];
  /** All edits in the order in which they are valid: each path is in terms of the document after the edits before it. */
  readonly edits: readonly Edit[];
}

/**
 * Applies changes to a live document, compare-and-set. Finds keyed list elements by their key, appends and removes list
 * positions in an order that keeps the others' positions, makes missing maps, and drops nothing that no change names.
 */
export function applyChanges(live: Document, changes: readonly Change[], lists: ListRules): Application {
  void live;
  void changes;
  void lists;
  throw new Error("unreachable: replaced before first use");
}
