import { isAlias, isMap, isScalar, isSeq, type Alias, type Node, type Pair, type YAMLMap, type YAMLSeq } from "yaml";
import { LIMITS } from "../../core/limits.js";
import {
  emptyMap,
  literal,
  type MutableMap,
  type Value,
  type ValueMap,
  isMap as isValueMap,
} from "../../core/value.js";
import { fault, type Source } from "../text.js";
import { compose, TOO_DEEP, tooLarge, type YamlDocument } from "./compose.js";
import { isBlank, isMergeKey, keyText } from "./nodes.js";
import { checkScalar, sourceText, unknownTag } from "./tags.js";

/** A text as nodes and as the tree that they make. */
export interface Reading {
  readonly source: Source;
  readonly document: YamlDocument;
  readonly value: Value;
  /** What each alias stands for. */
  readonly targets: ReadonlyMap<Alias, Target>;
}

/**
 * Reads a text without BOM. An empty document, or one of comments only, is an empty map: as a layer it changes nothing,
 * where `null` would remove everything.
 * @throws DOCUMENT_INVALID or DOCUMENT_TOO_LARGE with the place.
 */
export function readYaml(source: Source, tags: "keep" | "refuse" = "refuse"): Reading {
  const document = compose(source);
  const targets = new Map<Alias, Target>();
  const { contents } = document;
  const value =
    contents === null || isBlank(contents) ? emptyMap() : evaluator(source, document, { tags, targets })(contents);
  return { source, document, value, targets };
}

export interface Target {
  readonly node: Node;
  readonly value: Value;
}

/** An anchored node; without value while it is being read. Aliases share the value, so they are counted, not copied. */
interface Anchored {
  readonly node: Node;
  readonly measured?: { readonly value: Value; readonly nodes: number; readonly height: number };
}

interface Result {
  readonly value: Value;
  /** Levels of collections, 0 for a scalar. */
  readonly height: number;
}

function evaluator(
  source: Source,
  document: YamlDocument,
  { tags, targets }: { tags: "keep" | "refuse"; targets: Map<Alias, Target> },
): (node: Node) => Value {
  const anchors = new Map<string, Anchored>();
  let nodes = 0;

  function count(more: number, node: Node): void {
    nodes += more;
    if (nodes > LIMITS.nodes) throw tooLarge(source, `more than ${LIMITS.nodes} nodes, aliases expanded`, at(node));
  }

  function evaluate(node: Node, depth: number): Result {
    if (isAlias(node)) return follow(node, depth);
    const before = nodes;
    count(1, node);
    const anchor = isScalar(node) || isMap(node) || isSeq(node) ? node.anchor : undefined;
    if (anchor !== undefined) anchors.set(anchor, { node });
    const result = own(node, depth);
    if (anchor !== undefined) anchors.set(anchor, { node, measured: { ...result, nodes: nodes - before } });
    return result;
  }

  function follow(alias: Alias, depth: number): Result {
    const anchored = anchors.get(alias.source);
    if (!anchored) {
      const hint = "A text that begins with `*` has to be quoted.";
      throw fault(source, at(alias), "an alias that no anchor before it has the name of", hint);
    }
    const { node, measured } = anchored;
    if (!measured) throw fault(source, at(alias), "the anchor contains itself");
    targets.set(alias, { node, value: measured.value });
    count(measured.nodes, alias);
    if (depth + measured.height > LIMITS.depth) throw tooLarge(source, TOO_DEEP, at(alias));
    return measured;
  }

  function own(node: Node, depth: number): Result {
    const tag = unknownTag(node);
    if (tag !== undefined && tags === "refuse") {
      // Not named: it may be a password that begins with `!`.
      const hint =
        'Set "tags: keep" on the target to hold tagged values as they are; quote a text that begins with `!`.';
      throw fault(source, at(node), "an unknown tag", hint);
    }
    // A tagged collection is read, too: it may hold anchors, and faults.
    const result = isMap(node) ? map(node, depth + 1) : isSeq(node) ? list(node, depth + 1) : undefined;
    if (tag === undefined) return result ?? scalar(node);
    return { value: literal(document.directives.tagString(tag), sourceText(source.text, node)), height: 0 };
  }

  function scalar(node: Node): Result {
    if (!isScalar(node)) throw fault(source, at(node), "the text is not valid YAML here");
    const { value, wrong } = checkScalar(node);
    if (wrong !== undefined) throw fault(source, at(node), wrong);
    return { value, height: 0 };
  }

  function list(node: YAMLSeq, depth: number): Result {
    if (depth > LIMITS.depth) throw tooLarge(source, TOO_DEEP, at(node));
    let height = 0;
    const value = node.items.map((item) => {
      const result = evaluate(item as Node, depth);
      height = Math.max(height, result.height);
      return result.value;
    });
    return { value, height: height + 1 };
  }

  function map(node: YAMLMap, depth: number): Result {
    if (depth > LIMITS.depth) throw tooLarge(source, TOO_DEEP, at(node));
    const own = emptyMap();
    const merged: ValueMap[] = [];
    let merging = false;
    let height = 0;
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      const key = named(pair, node);
      const merges = isMergeKey(pair.key);
      const taken = merges ? merging : Object.hasOwn(own, key);
      if (taken) throw fault(source, at(pair.key), `duplicate key ${JSON.stringify(key)}`);
      const result = pair.value ? evaluate(pair.value, depth) : { value: null, height: 0 };
      height = Math.max(height, result.height);
      merging ||= merges;
      if (merges) merged.push(...mergeable(result.value, pair.value ?? pair.key));
      else own[key] = result.value;
    }
    return { value: underlay(own, merged), height: height + 1 };
  }

  function named({ key }: Pair<Node, Node | null>, parent: YAMLMap): string {
    if (isScalar(key)) evaluate(key, 0);
    const text = keyText(key);
    if (text !== undefined) return text;
    const hint = "Trueup names settings by plain keys: strings, numbers, booleans or null.";
    throw fault(source, at(isBlank(key) ? parent : key), "a key that is empty, tagged, an alias or a collection", hint);
  }

  function mergeable(value: Value, node: Node): readonly ValueMap[] {
    const maps = Array.isArray(value) ? (value as readonly Value[]) : [value];
    if (maps.every(isValueMap)) return maps;
    throw fault(source, at(node), "a merge key `<<` takes a map or a list of maps");
  }

  return (node) => evaluate(node, 0).value;
}

/** Own members win over merged ones, and earlier maps over later ones. */
function underlay(own: MutableMap, merged: readonly ValueMap[]): ValueMap {
  for (const map of merged) {
    for (const [key, value] of Object.entries(map)) if (!Object.hasOwn(own, key)) own[key] = value;
  }
  return own;
}

function at(node: Node): number {
  return node.range?.[0] ?? 0;
}
