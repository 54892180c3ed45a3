import { formatPointer, type Pointer } from "./pointer.js";
import { emptyMap, equal, isMap, member, type MutableMap, type Value, type ValueMap } from "./value.js";

/** Three documents, or parts of them: undefined where there is none. */
export interface Sides {
  readonly base: Value | undefined;
  readonly ours: Value | undefined;
  readonly theirs: Value | undefined;
}

/** A setting that both sides changed, each to another value; undefined: it removed it. */
export interface SettingConflict {
  readonly path: Pointer;
  readonly ours: Value | undefined;
  readonly theirs: Value | undefined;
}

/** With conflicts, `value` has our side at each of them. */
export interface SettingMerge {
  readonly value: Value | undefined;
  readonly conflicts: readonly SettingConflict[];
}

/**
 * What both sides' changes come to, setting by setting. A capital is a value, − is absent; B, O and T differ.
 *
 * | base | ours | theirs | result                                       |
 * |------|------|--------|----------------------------------------------|
 * | any  | map  | map    | by member; a base that is no map has none    |
 * | any  | O    | O      | O: both have the same                        |
 * | any  | −    | −      | −: neither has it                            |
 * | B    | B    | T      | T: only they changed it                      |
 * | B    | B    | −      | −: only they removed it                      |
 * | −    | −    | T      | T: only they added it                        |
 * | B    | O    | B      | O: only we changed it                        |
 * | B    | −    | B      | −: only we removed it                        |
 * | −    | O    | −      | O: only we added it                          |
 * | B    | O    | T      | conflict: both changed it                    |
 * | B    | O    | −      | conflict: we changed what they removed       |
 * | B    | −    | T      | conflict: they changed what we removed       |
 * | −    | O    | T      | conflict: both added it                      |
 *
 * A list is one value. Which element became which is known only where a rule says by what they are matched, and that is the
 * rendered document's, not the file's: a guess by position could make one element of two.
 */
export function mergeSettings(sides: Sides): SettingMerge {
  const conflicts: SettingConflict[] = [];
  const value = merge(sides, [], conflicts);
  return { value, conflicts };
}

function merge(
  { base, ours, theirs }: Sides,
  path: readonly string[],
  conflicts: SettingConflict[],
): Value | undefined {
  if (isMap(ours) && isMap(theirs))
    return members({ base: isMap(base) ? base : emptyMap(), ours, theirs }, path, conflicts);
  if (equal(ours, theirs) || equal(base, theirs)) return ours;
  if (equal(base, ours)) return theirs;
  conflicts.push({ path: formatPointer(path), ours, theirs });
  return ours;
}

function members(
  { base, ours, theirs }: { readonly [side in keyof Sides]: ValueMap },
  path: readonly string[],
  conflicts: SettingConflict[],
): ValueMap {
  const result: MutableMap = emptyMap();
  for (const name of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    const [was, our, their] = [member(base, name), member(ours, name), member(theirs, name)];
    const value = merge({ base: was, ours: our, theirs: their }, [...path, name], conflicts);
    if (value !== undefined) result[name] = value;
  }
  return result;
}

/** What the two sides made of one file: its texts, with their BOM. */
export interface FileSides {
  readonly file: string;
  /** Undefined where both sides added it. */
  readonly base: string | undefined;
  readonly ours: string;
  readonly theirs: string;
  /** A merge by lines, with our side where that has conflicts; undefined where there is none to be had. */
  readonly lines: string | undefined;
}

/**
 * - `text`: the merged file.
 * - `conflicts`: the settings that stand against it.
 * - `unread`: the side that does not load, and why; without a side, no text could be made of the merged document.
 */
export type FileMerge =
  { readonly text: string } | { readonly conflicts: readonly SettingConflict[] } | { readonly unread: Unread };

export interface Unread {
  readonly side?: keyof Sides;
  readonly reason: string;
}

/** Undefined where the file is none whose settings can be told apart. */
export type MergeFile = (sides: FileSides) => FileMerge | undefined;
