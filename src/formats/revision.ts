import type { Edit } from "../core/change.js";
import { draft } from "../core/edit.js";
import { TrueupError } from "../core/errors.js";
import { equal, isList, isMap, member, type Value } from "../core/value.js";

/** A list after edits, told in terms of the list before: which element each one was, undefined for a new one. */
interface Lineage {
  readonly before: readonly Value[];
  readonly from: readonly (number | undefined)[];
}

/** A tree with edits applied, and where the elements of its lists came from: `[a, a]` does not tell which `a` was removed. */
export interface Revision {
  readonly tree: Value;
  readonly lineages: WeakMap<readonly Value[], Lineage>;
}

/** @throws TrueupError DOCUMENT_UNREPRESENTABLE for an edit through a scalar or past the end of a list. */
export function revise(before: Value, edits: readonly Edit[]): Revision {
  const tree = draft(before);
  const lineages: Revision["lineages"] = new WeakMap();
  for (const edit of edits) {
    const list = parentList(tree.value(), edit.path);
    try {
      tree.apply(edit);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new TrueupError("DOCUMENT_UNREPRESENTABLE", error.message, {
        hint: "Compare again: the document is not as the plan saw it.",
      });
    }
    const after = list && parentList(tree.value(), edit.path);
    if (after) lineages.set(after, succeed(lineages.get(list) ?? founder(list), edit, after.length));
  }
  return { tree: tree.value(), lineages };
}

function parentList(tree: Value, path: readonly string[]): readonly Value[] | undefined {
  let at: Value | undefined = path.length === 0 ? undefined : tree;
  for (const segment of path.slice(0, -1)) {
    at = isList(at) ? at[Number(segment)] : isMap(at) ? member(at, segment) : undefined;
  }
  return isList(at) ? at : undefined;
}

function founder(list: readonly Value[]): Lineage {
  return { before: list, from: list.map((_, index) => index) };
}

function succeed({ before, from }: Lineage, edit: Edit, length: number): Lineage {
  if (length < from.length) return { before, from: from.toSpliced(Number(edit.path.at(-1)), 1) };
  return { before, from: length > from.length ? [...from, undefined] : from };
}

/** One element of a new list: `from` is its index in the old list, undefined where it has to be inserted. */
export interface Aligned {
  readonly from: number | undefined;
  readonly value: Value;
}

/** Beyond this many pairs elements are matched by position: a table of every pair would cost more than it saves. */
const MAX_PAIRS = 1_000_000;

/**
 * How a list becomes another: by its lineage where edits made it, else by the longest common subsequence, with what lies
 * between two common elements changed in place. `from` rises.
 */
export function align(
  before: readonly Value[],
  after: readonly Value[],
  lineages?: Revision["lineages"],
): readonly Aligned[] {
  const lineage = lineages?.get(after);
  if (lineage?.before === before) return after.map((value, index) => ({ value, from: lineage.from[index] }));
  const aligned: Aligned[] = [];
  let old = 0;
  const upTo = (end: number, values: readonly Value[]): void => {
    for (const value of values) aligned.push({ value, from: old < end ? old++ : undefined });
    old = end;
  };
  let next = 0;
  for (const [oldIndex, newIndex] of common(before, after)) {
    upTo(oldIndex, after.slice(next, newIndex));
    upTo(oldIndex + 1, after.slice(newIndex, newIndex + 1));
    next = newIndex + 1;
  }
  upTo(before.length, after.slice(next));
  return aligned;
}

function common(before: readonly Value[], after: readonly Value[]): (readonly [number, number])[] {
  let start = 0;
  while (start < Math.min(before.length, after.length) && equal(before[start], after[start])) start += 1;
  let end = 0;
  const room = Math.min(before.length, after.length) - start;
  while (end < room && equal(before.at(-1 - end), after.at(-1 - end))) end += 1;
  const pairs: (readonly [number, number])[] = [];
  for (let index = 0; index < start; index += 1) pairs.push([index, index]);
  const rows = before.length - end - start;
  const columns = after.length - end - start;
  if (rows * columns <= MAX_PAIRS) {
    for (const [row, column] of longest(before.slice(start, start + rows), after.slice(start, start + columns))) {
      pairs.push([start + row, start + column]);
    }
  }
  for (let index = end; index > 0; index -= 1) pairs.push([before.length - index, after.length - index]);
  return pairs;
}

function longest(a: readonly Value[], b: readonly Value[]): (readonly [number, number])[] {
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  const at = (row: number, column: number): number => lengths[row * width + column] ?? 0;
  for (let row = a.length - 1; row >= 0; row -= 1) {
    for (let column = b.length - 1; column >= 0; column -= 1) {
      lengths[row * width + column] = equal(a[row], b[column])
        ? at(row + 1, column + 1) + 1
        : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const pairs: (readonly [number, number])[] = [];
  for (let row = 0, column = 0; row < a.length && column < b.length;) {
    if (equal(a[row], b[column])) pairs.push([row++, column++]);
    else if (at(row + 1, column) >= at(row, column + 1)) row += 1;
    else column += 1;
  }
  return pairs;
}
