import { parsePointer, type Pointer } from "../core/pointer.js";
import type { Path } from "./text.js";

/** Where a document takes secrets, so that a setting can be known to hold one, or a part of one. */
export interface SecretPlaces {
  add(path: Path): void;
  /**
   * Whether a secret is there, or was put in above: a text that a broker or a server reads as JSON has settings below it. What
   * stands in an ordered list may be at any position of it, once somebody inserted another element.
   */
  cover(pointer: Pointer): boolean;
}

interface Node {
  taken: boolean;
  readonly named: Map<string, Node>;
  /** Below any position of an ordered list. */
  any: Node | undefined;
}

export function secretPlaces(): SecretPlaces {
  const root = newNode();
  return {
    add(path) {
      let node = root;
      for (const segment of path) node = typeof segment === "number" ? (node.any ??= newNode()) : named(node, segment);
      node.taken = true;
    },
    cover(pointer) {
      let nodes: readonly Node[] = [root];
      for (const segment of parsePointer(pointer)) {
        if (nodes.length === 0 || nodes.some(({ taken }) => taken)) break;
        nodes = nodes.flatMap((node) => {
          const position = /^\d+$/.test(segment) ? node.any : undefined;
          return [node.named.get(segment), position].filter((next) => next !== undefined);
        });
      }
      return nodes.some(({ taken }) => taken);
    },
  };
}

function newNode(): Node {
  return { taken: false, named: new Map(), any: undefined };
}

function named(node: Node, segment: string): Node {
  const known = node.named.get(segment);
  if (known !== undefined) return known;
  const next = newNode();
  node.named.set(segment, next);
  return next;
}
