/** Bounds of every document, desired or live: far above what configuration needs, far below what hurts the controller. */
export const LIMITS = {
  /** Bytes of one document's text. */
  bytes: 16 * 1024 * 1024,
  /** Levels of nesting. */
  depth: 200,
  /** Nodes of one document after aliases are expanded: what a billion laughs would exceed. */
  nodes: 1_000_000,
} as const;
