import { isMap, isScalar, isSeq, type CST, type Node, type Pair, type Scalar, type YAMLMap, type YAMLSeq } from "yaml";

/** The nodes of the `yaml` package, asked what editing and locating need to know. */
export type YamlPair = Pair<Node, Node | null>;

export function pairsOf(map: YAMLMap): readonly YamlPair[] {
  return map.items as YamlPair[];
}

export function itemsOf(list: YAMLSeq): readonly Node[] {
  return list.items as Node[];
}

/** A value of which nothing is written: `key:`. */
export function isBlank(node: Node | null): boolean {
  return node === null || (isScalar(node) && node.source === "" && node.type === "PLAIN" && node.tag === undefined);
}

export function isMergeKey(key: Node): boolean {
  return isScalar(key) && key.source === "<<" && key.type === "PLAIN" && key.tag === undefined;
}

/**
 * The name of a member: a string, or what is written where it is a number, a boolean or null: `8080: x` is member "8080",
 * `0x10: x` is "0x10". Undefined for keys that are refused: empty, tagged, aliases, collections.
 */
export function keyText(key: Node): string | undefined {
  if (!isScalar(key) || (key.tag !== undefined && key.tag !== "tag:yaml.org,2002:str" && key.tag !== "!"))
    return undefined;
  if (typeof key.value === "string") return key.value;
  return key.source === "" ? undefined : key.source;
}

export function isBlockScalar(node: Node | null): node is Scalar {
  return isScalar(node) && (node.type === "BLOCK_LITERAL" || node.type === "BLOCK_FOLDED");
}

/** A collection without brackets: one item a line. */
export function isBlockCollection(node: Node | null): node is YAMLMap | YAMLSeq {
  return (isMap(node) || isSeq(node)) && node.flow !== true;
}

/** The tokens of the items of a list, one a node: the parser keeps comments at the end as an item of their own. */
export function listTokens(list: YAMLSeq): readonly CST.CollectionItem[] {
  const { srcToken: token } = list;
  if (token?.type === "block-seq") {
    return token.items.filter(({ start }) => start.some(({ type }) => type === "seq-item-ind"));
  }
  if (token?.type !== "flow-collection") return [];
  return token.items.filter((item) => item.value ?? item.key ?? item.start.some(isProp));
}

export function isProp({ type }: CST.SourceToken): boolean {
  return type === "anchor" || type === "tag";
}

/** Where the item's own text begins: an explicit `?`, a dash, an anchor or tag of the key, the key. */
export function itemStart(item: CST.CollectionItem): number {
  const mark = item.start.find(
    (token) => isProp(token) || token.type === "explicit-key-ind" || token.type === "seq-item-ind",
  );
  return mark?.offset ?? item.key?.offset ?? item.sep?.[0]?.offset ?? item.value?.offset ?? 0;
}

/** Where the item's own text ends, without the comment behind it. */
export function itemEnd(item: CST.CollectionItem, value: Node | null, key?: Node): number {
  if (value !== null && !isBlank(value)) return nodeEnd(value);
  const last = [...item.start, ...(item.sep ?? [])].filter(isSignificant).at(-1);
  const end = last === undefined ? 0 : last.offset + last.source.length;
  return Math.max(end, key?.range?.[1] ?? 0);
}

function isSignificant({ type }: CST.SourceToken): boolean {
  return type !== "space" && type !== "newline" && type !== "comment" && type !== "comma";
}

/** Where a node's own text ends. A block scalar ends after its last line break, all others before it. */
export function nodeEnd(node: Node): number {
  const end = node.range?.[1] ?? 0;
  if (!isBlockCollection(node)) return end;
  if (isSeq(node)) {
    const last = listTokens(node).at(-1);
    return last ? itemEnd(last, itemsOf(node).at(-1) ?? null) : end;
  }
  const pair = pairsOf(node).at(-1);
  return pair?.srcToken ? itemEnd(pair.srcToken, pair.value, pair.key) : end;
}

export function tokenEnd(token: CST.Token): number {
  return token.offset + ("source" in token ? token.source.length : 0);
}
