import { TrueupError } from "../core/errors.js";
import { mergeSettings, type FileMerge, type FileSides, type MergeFile, type Sides } from "../core/three-way.js";
import { equal, type Value } from "../core/value.js";
import type { Format } from "./format.js";
import { formatOf } from "./registry.js";

/**
 * Merges a file by its settings: neighbouring lines that both sides changed are no conflict, one setting that both changed is.
 *
 * What is written is a text that is there, with the settings edited in it that are otherwise: the merge by lines, so that the
 * comments come along that they wrote elsewhere in the file; or else our own. Where lines conflict, comments and layout are
 * ours. What was written is read again, and must say what was merged.
 */
export const mergeBySetting: MergeFile = (sides) => {
  const format = formatOf(sides.file);
  if (format === undefined) return undefined;
  const read = readSides(format, sides);
  if ("unread" in read) return read;
  const { value, conflicts } = mergeSettings(read);
  // The whole file is the setting: there is nothing more to be said than that.
  if (value === undefined || conflicts.some(({ path }) => path === "")) return undefined;
  if (conflicts.length > 0) return { conflicts };
  for (const text of [sides.lines, sides.ours]) {
    const written = text === undefined ? undefined : writtenOver(format, { file: sides.file, text }, value);
    if (written !== undefined) return { text: written };
  }
  return { unread: { reason: "the merged settings cannot be written in place" } };
};

const SIDES = ["base", "ours", "theirs"] as const;

function readSides(format: Format, sides: FileSides): Sides | Extract<FileMerge, { unread: unknown }> {
  const values: Partial<Record<keyof Sides, Value>> = {};
  for (const side of SIDES) {
    const text = sides[side];
    if (text === undefined) continue;
    try {
      values[side] = format.parse(text, { file: sides.file }).value;
    } catch (error) {
      return { unread: { side, reason: refusal(error).message } };
    }
  }
  return { base: values.base, ours: values.ours, theirs: values.theirs };
}

/** Undefined where that text cannot be made to say it. */
function writtenOver(format: Format, { file, text }: { file: string; text: string }, value: Value): string | undefined {
  try {
    const written = format.edit(text, [{ path: [], value }], { file });
    return equal(format.parse(written, { file }).value, value) ? written : undefined;
  } catch (error) {
    refusal(error);
    return undefined;
  }
}

/** @throws whatever is no fault of the document's */
function refusal(error: unknown): TrueupError {
  if (error instanceof TrueupError && error.code.startsWith("DOCUMENT_")) return error;
  throw error;
}
