import { isMap, isSeq, type CST, type Node, type YAMLMap, type YAMLSeq } from "yaml";
import { lineEnd, lineStart, type Splice } from "../text.js";
import { isMergeKey, itemsOf, itemStart, listTokens, pairsOf, tokenEnd, type YamlPair } from "./nodes.js";

/** A place in the text that holds one value: behind a key, behind a dash, or the whole document. */
export interface Slot {
  readonly node: Node | null;
  /** Undefined for the document. */
  readonly item: CST.CollectionItem | undefined;
  /** Whether it stands inside brackets. */
  readonly flow: boolean;
  /** The column of the key or dash. */
  readonly column: number;
  readonly dash: boolean;
}

export function pairSlot(text: string, map: YAMLMap, pair: YamlPair): Slot {
  const item = pair.srcToken;
  const column = item ? columnOf(text, itemStart(item)) : 0;
  return { node: pair.value, item, flow: map.flow === true, column, dash: false };
}

export function itemSlots(text: string, list: YAMLSeq): readonly Slot[] {
  const tokens = listTokens(list);
  return itemsOf(list).map((node, index) => {
    const item = tokens[index];
    return { node, item, flow: list.flow === true, column: item ? columnOf(text, itemStart(item)) : 0, dash: true };
  });
}

/** Every slot below and including this one; those of merge keys with the slot of the map that they are merged into. */
export function* slotsBelow(
  text: string,
  slot: Slot,
): Generator<{ slot: Slot; merge?: { into: Slot; pair: YamlPair } }> {
  yield { slot };
  const { node } = slot;
  if (isSeq(node)) for (const inner of itemSlots(text, node)) yield* slotsBelow(text, inner);
  if (!isMap(node)) return;
  for (const pair of pairsOf(node)) {
    const merge = isMergeKey(pair.key) ? { into: slot, pair } : undefined;
    for (const inner of slotsBelow(text, pairSlot(text, node, pair))) yield merge ? { ...inner, merge } : inner;
  }
}

export function columnOf(text: string, offset: number): number {
  return offset - lineStart(text, offset);
}

/** The start of the line after the one on which a node ends. */
export function lineAfter(text: string, end: number): number {
  return end > 0 && text.charAt(end - 1) === "\n" ? end : lineEnd(text, end);
}

export function point(at: number, text: string): Splice {
  return { start: at, end: at, text };
}

/** Where something can be written behind the slot's `:` or `-`, and behind its anchor. */
export function headEnd({ item, node }: Slot, options = { anchor: true }): number {
  const marks = [...(item?.start ?? []), ...(item?.sep ?? [])].filter(
    ({ type }) => type === "map-value-ind" || type === "seq-item-ind" || (type === "anchor" && options.anchor),
  );
  const end = Math.max(item?.key ? tokenEnd(item.key) : 0, ...marks.map(tokenEnd));
  return end > 0 ? end : (node?.range?.[0] ?? 0);
}
