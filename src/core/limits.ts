/** Bounds of every document, desired or live: far above what configuration needs, far below what hurts the controller. */
export const LIMITS = {
  /** Bytes of one document's text. The slowest of the parsers reads about a megabyte a second, and nothing else runs meanwhile. */
  bytes: 4 * 1024 * 1024,
  /** Levels of nesting. */
  depth: 200,
  /** Nodes of one document after aliases are expanded: what a billion laughs would exceed. */
  nodes: 1_000_000,
} as const;
