import { lineEnd, lineEnding, lineStart, type Splice } from "./text.js";

/** A collection between brackets, of JSON or of YAML's flow style. */
export interface Bracketed {
  /** The offset after the opening bracket, and that of the closing one. */
  readonly open: number;
  readonly close: number;
  readonly items: readonly Span[];
  /** What follows a comma, where the items do not show it. */
  readonly spacing: string;
}

export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface BracketedChange {
  readonly removed: ReadonlySet<number>;
  /** New items, each after the item of that index; -1 is the front. */
  readonly inserted: readonly { readonly after: number; readonly text: string }[];
}

/** The splices that remove and insert items, one line for one item where the items stand on lines of their own. */
export function bracketedSplices(text: string, brackets: Bracketed, change: BracketedChange): Splice[] {
  const { open, close, items } = brackets;
  const layout = layoutOf(text, brackets);
  const removed = new Set(change.removed);
  const splices: Splice[] = [];
  const inserts = group(change.inserted);
  for (const [after, texts] of inserts) {
    const joined = texts.join(`,${layout.gap(after)}`);
    // A new item beside a removed one takes its place: the commas around it stay as they are.
    const vacant = removed.has(after) ? after : after + 1;
    const place = items[vacant];
    if (place && removed.delete(vacant)) splices.push({ ...place, text: joined });
    else if (items.length === 0) splices.push(fill(text, brackets, joined));
    else if (after < 0) splices.push(point(items[0]?.start ?? open, `${joined},${layout.gap(0)}`));
    else splices.push(...layout.insert(after, texts));
  }
  if (removed.size === items.length && removed.size > 0) return [{ start: open, end: close, text: "" }];
  for (const [first, last] of runs(removed)) splices.push(...layout.remove(first, last));
  return splices;
}

function group(inserted: BracketedChange["inserted"]): Map<number, string[]> {
  const groups = new Map<number, string[]>();
  for (const { after, text } of inserted) groups.set(after, [...(groups.get(after) ?? []), text]);
  return groups;
}

function point(at: number, text: string): Splice {
  return { start: at, end: at, text };
}

function fill(text: string, { open, close }: Bracketed, joined: string): Splice {
  return text.slice(open, close).trim() === "" ? { start: open, end: close, text: joined } : point(open, joined);
}

function* runs(indexes: ReadonlySet<number>): Generator<readonly [number, number]> {
  let first: number | undefined;
  for (const index of [...indexes].toSorted((a, b) => a - b)) {
    first ??= index;
    if (indexes.has(index + 1)) continue;
    yield [first, index];
    first = undefined;
  }
}

interface Layout {
  /** What stands between the comma and the item after it. */
  gap(index: number): string;
  insert(after: number, texts: readonly string[]): Splice[];
  remove(first: number, last: number): Splice[];
}

function layoutOf(text: string, { close, items, ...brackets }: Bracketed): Layout {
  const span = (index: number): Span => items[index] ?? { start: close, end: close };
  const indent = (index: number): string => text.slice(lineStart(text, span(index).start), span(index).start);
  const own = (index: number): boolean => /^[ \t]*$/.test(indent(index));
  /** The comma after an item; undefined after the last one where no trailing comma stands. */
  const comma = (index: number): number | undefined => {
    const at = text.indexOf(",", span(index).end);
    return at === -1 || at >= span(index + 1).start ? undefined : at;
  };
  const second = items[1];
  const shown = second && !own(1) ? text.slice((comma(0) ?? second.start - 1) + 1, second.start) : undefined;
  // What aligns columns is not to be copied.
  const spacing = shown !== undefined && shown.length < 2 ? shown : brackets.spacing;

  return {
    gap: (index) => (own(Math.max(index, 0)) ? lineEnding(text) + indent(Math.max(index, 0)) : spacing),
    insert(after, texts) {
      const { end } = span(after);
      if (!own(after)) return [point(end, texts.map((item) => `,${spacing}${item}`).join(""))];
      const eol = lineEnding(text);
      const existing = comma(after);
      const line = lineEnd(text, existing ?? end);
      if (line > span(after + 1).start) {
        return [point(end, texts.map((item) => `,${eol}${indent(after)}${item}`).join(""))];
      }
      const lines = texts.join(`,${eol}${indent(after)}`);
      if (existing !== undefined) return [point(line, `${indent(after)}${lines},${eol}`)];
      return [point(end, ","), point(line, `${indent(after)}${lines}${eol}`)];
    },
    remove(first, last) {
      const { start } = span(first);
      const { end } = span(last);
      const behind = comma(last);
      const line = lineEnd(text, behind ?? end);
      const lines = own(first) && line <= lineStart(text, span(last + 1).start);
      if (lines) {
        const removal = { start: lineStart(text, start), end: line, text: "" };
        const before = behind === undefined ? comma(first - 1) : undefined;
        return before === undefined ? [removal] : [{ start: before, end: before + 1, text: "" }, removal];
      }
      if (last + 1 < items.length) return [{ start, end: span(last + 1).start, text: "" }];
      return [{ start: span(first - 1).end, end, text: "" }];
    },
  };
}
