import { byKey, keyName, type ListScope, within } from "./lists.js";
import { formatPointer } from "./pointer.js";
import { isList, isLiteral, isMap, literal, type Literal, type Value } from "./value.js";

/** A keyed hash of a text, as a word of hexadecimal digits: HMAC-SHA-256 with the controller's own key. */
export type Hash = (text: string) => string;

/** The tag of the literal that stands for a sensitive value; its text is the hash. No format can read such a tag. */
const SEALED = "\0sealed";

export function isSealed(value: Value | undefined): value is Literal {
  return isLiteral(value) && value.tag === SEALED;
}

/**
 * What stands for a sensitive value in last applied. The pointer is hashed with the value, so that two settings with one
 * password do not look alike.
 */
export function sealed(value: Value, path: readonly string[], options: { scope: ListScope; hash: Hash }): Literal {
  return literal(SEALED, options.hash(`${formatPointer(path)}\n${canonical(value, options.scope)}`));
}

export function sealedAs(hash: string): Literal {
  return literal(SEALED, hash);
}

export interface Sameness {
  /** The list rules at the place of the two values, and that place. */
  readonly scope: ListScope;
  readonly path?: readonly string[];
  /** Given, a sealed literal in `a` equals the value that it was made of. */
  readonly hash?: Hash | undefined;
}

/** Equality under the list rules: sets without order and doubles, keyed lists by key without order. */
export function same(a: Value | undefined, b: Value | undefined, options: Sameness): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  const { scope, path = [], hash } = options;
  if (isSealed(a) && !isSealed(b) && hash !== undefined) return a.text === sealed(b, path, { scope, hash }).text;
  if (isMap(a)) {
    if (!isMap(b)) return false;
    const keys = Object.keys(a);
    return (
      keys.length === Object.keys(b).length &&
      keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key], inside(options, key)))
    );
  }
  if (!isList(a)) return !isMap(b) && !isList(b) && canonical(a, scope) === canonical(b, scope);
  if (!isList(b)) return false;
  if (scope.rule === "set") return canonical(a, scope) === canonical(b, scope);
  const key = keyName(scope);
  const [left, right] = key === undefined ? [] : [byKey(a, key), byKey(b, key)];
  if (left !== undefined && right !== undefined) {
    return (
      left.size === right.size && [...left].every(([name, item]) => same(item, right.get(name), inside(options, name)))
    );
  }
  return a.length === b.length && a.every((item, index) => same(item, b[index], inside(options, String(index))));
}

function inside({ scope, path = [], hash }: Sameness, segment: string): Sameness {
  return { scope: within(scope, segment), path: hash === undefined ? path : [...path, segment], hash };
}

/**
 * One text a value: equal values have equal texts, whatever the order of map members and sets, and whether an integer is
 * held as number or bigint.
 */
export function canonical(value: Value, scope: ListScope): string {
  if (isLiteral(value)) return `!${JSON.stringify([value.tag, value.text])}`;
  if (isList(value)) {
    const items = value.map((item, index) => canonical(item, within(scope, String(index))));
    return `[${(scope.rule === "set" ? [...new Set(items)].sort() : items).join()}]`;
  }
  if (isMap(value)) {
    const keys = Object.keys(value).sort();
    const members = keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key] ?? null, within(scope, key))}`);
    return `{${members.join()}}`;
  }
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value).toString() : String(value);
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
