import type { Edit } from "../core/change.js";
import type { Position } from "../core/errors.js";
import type { Pointer } from "../core/pointer.js";
import type { Value } from "../core/value.js";

/**
 * One way to write a tree as text. A format parses, and edits in place: an edit changes the lines of the settings that it
 * touches and no other byte (comments, order, quotes, anchors, line ends, BOM and final newline stay).
 *
 * The text is a file's whole content decoded from UTF-8, with its BOM (U+FEFF) and its CRLFs if it has them.
 * `parse(edit(text, edits))` is the tree with the edits applied, or `edit` throws DOCUMENT_UNREPRESENTABLE.
 */
export interface Format {
  readonly name: string;
  /** With the dot, in lower case. `.env` is also a whole file name. */
  readonly extensions: readonly string[];
  /** Throws TrueupError DOCUMENT_INVALID or DOCUMENT_TOO_LARGE with `where`. */
  parse(text: string, options: ParseOptions): Parsed;
  /** Edits apply one after the other. An empty text makes a new document. */
  edit(text: string, edits: readonly Edit[], options: ParseOptions): string;
  /** The tree as `parse` would report it once written: dotenv has only text, TOML has no null (DOCUMENT_UNREPRESENTABLE). */
  normalize(value: Value): Value;
}

export interface ParseOptions {
  /** The file's name as the reader knows it, for error messages. */
  readonly file: string;
  /** `keep`: a node with an unknown tag is an opaque literal; `refuse` (default): an error. Only YAML has tags. */
  readonly tags?: "keep" | "refuse";
}

export interface Parsed {
  readonly value: Value;
  /** Where a setting's value (or its key, for a map) is written; undefined for a pointer that the text does not write. */
  position(pointer: Pointer): Position | undefined;
}
