import { isAlias, isMap, isSeq, type Node, type YAMLMap } from "yaml";
import { isBlank, isMergeKey, itemsOf, keyText, pairsOf, type YamlPair } from "./nodes.js";
import type { Reading } from "./read.js";

/**
 * Finds where settings are written: a scalar or alias at its value, a collection or an empty value at its key. What came
 * by an alias or a merge key is found where the anchor wrote it.
 */
export function locator(reading: Reading): (segments: readonly string[]) => number | undefined {
  const indexes = new Map<YAMLMap, ReadonlyMap<string, YamlPair>>();

  function follow(node: Node | null): Node | null {
    return node !== null && isAlias(node) ? (reading.targets.get(node)?.node ?? null) : node;
  }

  function find(map: YAMLMap, name: string): YamlPair | undefined {
    const index = indexes.get(map) ?? new Map(pairsOf(map).map((pair) => [keyText(pair.key) ?? "", pair]));
    indexes.set(map, index);
    const pair = index.get(name);
    if (pair && !isMergeKey(pair.key)) return pair;
    for (const merged of mergedMaps(index.get("<<"))) {
      const found = find(merged, name);
      if (found) return found;
    }
    return undefined;
  }

  function* mergedMaps(pair: YamlPair | undefined): Generator<YAMLMap> {
    const value = pair && isMergeKey(pair.key) ? follow(pair.value) : null;
    const nodes = isSeq(value) ? itemsOf(value).map(follow) : [value];
    for (const node of nodes) if (isMap(node)) yield node;
  }

  return (segments) => {
    let node: Node | null = reading.document.contents;
    let key: Node | undefined;
    for (const segment of segments) {
      const container = follow(node);
      if (isMap(container)) {
        const pair = find(container, segment);
        if (!pair) return undefined;
        ({ key, value: node } = pair);
      } else if (isSeq(container) && /^(0|[1-9]\d*)$/.test(segment)) {
        const item = itemsOf(container)[Number(segment)];
        if (!item) return undefined;
        [key, node] = [undefined, item];
      } else return undefined;
    }
    const atKey = key && (isBlank(node) || isMap(node) || isSeq(node));
    return (atKey ? key : node)?.range?.[0] ?? 0;
  };
}
