import type { Pointer } from "./pointer.js";
import type { Document, Value } from "./value.js";

/** How the lists of a document are matched, by the pointer of the list. A list that has no rule is ordered: matched by position. */
export type ListRules = Readonly<Record<Pointer, ListRule>>;
/** `set`: one setting, compared without order. `{key}`: a list of maps, each named by that member: `/rooms/<id>/setpoint`. */
export type ListRule = "set" | { readonly key: string };

/**
 * One write to one setting. The pointer is in the words of a finding: under a keyed list the segment is the element's key.
 * `expected` is the live value that the plan saw, `desired` what it shall be; undefined means absent.
 */
export interface Change {
  readonly path: Pointer;
  readonly expected: Value | undefined;
  readonly desired: Value | undefined;
}

/**
 * What came of a change.
 * - `applied`: written, and read back as desired.
 * - `moved`: the live value was no longer `expected`; nothing was written; it is planned anew.
 * - `pendingRestart`: written, in effect only after the server restarts.
 * - `unreachable`: written, but the system made another value of it (`live`), and will every time.
 * - `failed`: not written, `error` says why.
 */
export type Outcome =
  | { readonly path: Pointer; readonly result: "applied" | "pendingRestart" }
  | { readonly path: Pointer; readonly result: "moved"; readonly live: Value | undefined }
  | { readonly path: Pointer; readonly result: "unreachable"; readonly live: Value | undefined }
  | { readonly path: Pointer; readonly result: "failed"; readonly error: Error };

/** What a target was read to hold. */
export interface Observation {
  readonly document: Document;
  /** Settings that are set as `document` says, but in effect only after a restart. */
  readonly pendingRestart?: readonly Pointer[];
  /** Equal tokens mean equal documents; lets the caller skip the comparison. Absent where the kind has no cheap one. */
  readonly version?: string;
}

/**
 * One edit, in the document's own terms: under a list the segment is the index, and the index that equals the list's length
 * appends. `value` undefined removes. Maps that are missing on the way are made.
 */
export interface Edit {
  readonly path: readonly string[];
  readonly value: Value | undefined;
}
