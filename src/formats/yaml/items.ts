import { isScalar, isSeq, type Node, type YAMLMap, type YAMLSeq } from "yaml";
import type { Value } from "../../core/value.js";
import { bracketedSplices, type Span } from "../bracketed.js";
import { insertLines, lineEnd, lineEnding, lineStart, type Splice } from "../text.js";
import { itemEnd, itemStart, listTokens, pairsOf, itemsOf } from "./nodes.js";
import { flowMember, itemLines, memberLines, renderFlow, type YamlLayout } from "./render.js";
import { styleOf, type Style } from "./scalar.js";
import { replacement } from "./replace.js";
import { columnOf, headEnd, lineAfter, point, type Slot } from "./slot.js";

/** A member or element to be added: after the item of that index, -1 is the front; `key` is absent in a list. */
export interface Addition {
  readonly after: number;
  readonly key?: string;
  readonly value: Value;
}

export interface ItemChange {
  readonly slot: Slot;
  readonly collection: YAMLMap | YAMLSeq;
  readonly removed: ReadonlySet<number>;
  readonly added: readonly Addition[];
  /** What the whole collection shall be, for where it has to be written anew. */
  readonly after: Value;
}

/** The places of a collection's items; comments around them are no part of them. */
export function itemSpans(collection: YAMLMap | YAMLSeq): readonly Span[] {
  if (!isSeq(collection)) {
    return pairsOf(collection).map(({ srcToken, key, value }) =>
      srcToken ? { start: itemStart(srcToken), end: itemEnd(srcToken, value, key) } : { start: 0, end: 0 },
    );
  }
  const items = itemsOf(collection);
  return listTokens(collection).map((token, index) => {
    const node: Node | null = items[index] ?? null;
    const start = collection.flow ? flowStart(token.start, node) : itemStart(token);
    return { start, end: itemEnd(token, node) };
  });
}

function flowStart(tokens: readonly { type: string; offset: number }[], node: Node | null): number {
  const prop = tokens.find(({ type }) => type === "anchor" || type === "tag");
  return prop?.offset ?? node?.range?.[0] ?? 0;
}

/** The splices that remove and add items of a collection, each on lines of its own where the style has such. */
export function itemSplices(text: string, change: ItemChange, layout: YamlLayout): Splice[] {
  const { collection, removed, added, slot, after } = change;
  if (removed.size === 0 && added.length === 0) return [];
  const spans = itemSpans(collection);
  if (collection.flow) {
    const [start, end] = collection.range ?? [0, 0];
    const inserted = added.map(({ after: index, key, value }) => {
      return {
        after: index,
        text: key === undefined ? renderFlow(value) : flowMember(key, value, keyStyle(collection)),
      };
    });
    return bracketedSplices(
      text,
      { open: start + 1, close: end - 1, items: spans, spacing: " " },
      { removed, inserted },
    );
  }
  const first = spans[0];
  if (!first) return replacement(text, slot, after, layout);
  const own = isOwnLine(text, first.start);
  if (removed.size === spans.length && added.length === 0) return emptied(text, { ...change, spans, own }, layout);
  const front = added.some(({ after: index }) => index < 0);
  if (!own && (removed.size === spans.length || front)) return replacement(text, slot, after, layout);
  return [
    ...[...removed].map((index) => removal(text, spans, { index, removed })),
    ...added.map((addition) => {
      const previous = spans[addition.after];
      const at = previous ? lineAfter(text, previous.end) : lineStart(text, first.start);
      return insertLines(text, at, linesOf(addition, collection, { layout, column: columnOf(text, first.start) }));
    }),
  ];
}

function linesOf(
  { key, value }: Addition,
  collection: YAMLMap | YAMLSeq,
  site: { layout: YamlLayout; column: number },
): string[] {
  return key === undefined ? itemLines(value, site) : memberLines(key, value, site, keyStyle(collection));
}

/** Quoted where all keys are: a document that quotes its keys goes on doing so. */
function keyStyle(collection: YAMLMap | YAMLSeq): Style {
  const styles = new Set(
    isSeq(collection) ? [] : pairsOf(collection).map(({ key }) => (isScalar(key) ? styleOf(key) : "plain")),
  );
  const [style = "plain"] = styles;
  return styles.size === 1 && (style === "single" || style === "double") ? style : "plain";
}

function isOwnLine(text: string, start: number): boolean {
  return text.slice(lineStart(text, start), start).trim() === "";
}

function removal(
  text: string,
  spans: readonly Span[],
  { index, removed }: { index: number; removed: ReadonlySet<number> },
): Splice {
  const { start, end } = spans[index] ?? { start: 0, end: 0 };
  const line = lineStart(text, start);
  const below = lineAfter(text, end);
  if (isOwnLine(text, start)) return { start: line, end: below, text: "" };
  // The first item of a collection that begins behind a dash: the next one moves up, unless comments stand before it.
  const next = spans.findIndex((_, other) => other > index && !removed.has(other));
  const nextStart = spans[next]?.start ?? below;
  const between = next === index + 1 ? text.slice(below, lineStart(text, nextStart)) : "";
  if (between.trim() === "") return { start, end: nextStart, text: "" };
  const dash = line + text.slice(line, start).trimEnd().length;
  return { start: dash, end: below - (lineEnd(text, below - 1) === below ? lineEnding(text).length : 0), text: "" };
}

/** `{}` or `[]` in place of the last item; comment lines between the items stay. */
function emptied(
  text: string,
  { slot, collection, spans, own }: ItemChange & { spans: readonly Span[]; own: boolean },
  layout: YamlLayout,
): Splice[] {
  const empty = isSeq(collection) ? "[]" : "{}";
  if (!own) return replacement(text, slot, isSeq(collection) ? [] : {}, layout);
  const removals = spans.map(({ start, end }) => {
    return { start: lineStart(text, start), end: lineAfter(text, end), text: "" };
  });
  if (slot.item) return [point(headEnd(slot), ` ${empty}`), ...removals];
  return removals.map((splice, index) => (index === 0 ? { ...splice, text: empty + lineEnding(text) } : splice));
}
