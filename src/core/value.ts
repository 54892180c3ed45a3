/**
 * The tree that every document is: what YAML, JSON, TOML, rows, topics and files have in common.
 *
 * - Integers beyond 2^53 are `bigint`, so that they stay exact; all other numbers are `number`.
 * - What JSON has no word for (a TOML date, a YAML `!secret x`) is a `Literal`: an opaque scalar that carries its source text.
 * - A map may hold any key, `__proto__` included: read members with `member()`, build maps with `mapOf()` or on
 *   `emptyMap()`; never write `tree[key] = …` on a map with a prototype.
 */
export type Value = Scalar | readonly Value[] | ValueMap;
export type Scalar = null | boolean | number | bigint | string | Literal;
export interface ValueMap {
  readonly [key: string]: Value;
}

/** The document of a target. Its first level is what the target's kind says: rows, settings, topics, files. */
export type Document = ValueMap;

const LITERAL = Symbol.for("trueup.literal");

export interface Literal {
  readonly [LITERAL]: true;
  /** What kind of literal it is, e.g. `!include`, `toml:local-date`. Two literals are equal when tag and text are. */
  readonly tag: string;
  /** The text as the format writes it, without the tag. */
  readonly text: string;
}

export function literal(tag: string, text: string): Literal {
  return Object.freeze({ [LITERAL]: true as const, tag, text });
}

export function isLiteral(value: Value | undefined): value is Literal {
  return typeof value === "object" && value !== null && LITERAL in value;
}

export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

export function isMap(value: Value | undefined): value is ValueMap {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(LITERAL in value);
}

export type MutableMap = Record<string, Value>;

/** A map without a prototype, on which any key may be set. */
export function emptyMap(): MutableMap {
  return Object.create(null) as MutableMap;
}

export function mapOf(entries: Iterable<readonly [string, Value]>): ValueMap {
  const map = emptyMap();
  for (const [key, value] of entries) map[key] = value;
  return map;
}

/** The member of that name, or undefined where the map does not have it itself. */
export function member(map: ValueMap, key: string): Value | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

/** Equality of trees: the order of map members does not count, the order of lists does; `1` and `1n` are equal. */
export function equal(a: Value | undefined, b: Value | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined || a === null || b === null) return false;
  if (typeof a !== "object" || typeof b !== "object") {
    if (typeof a === "bigint" && typeof b === "number")
      return a === BigInt(Number.isInteger(b) ? b : 0) && Number.isInteger(b);
    if (typeof a === "number" && typeof b === "bigint") return equal(b, a);
    return Number.isNaN(a) && Number.isNaN(b);
  }
  if (isList(a)) return isList(b) && a.length === b.length && a.every((item, index) => equal(item, b[index]));
  if (isLiteral(a)) return isLiteral(b) && a.tag === b.tag && a.text === b.text;
  if (!isMap(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && equal(a[key], b[key]));
}
