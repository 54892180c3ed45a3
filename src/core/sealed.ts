import type { ListRules } from "./change.js";
import { keyName, keyOf, type ListScope, listScope, positions, within } from "./lists.js";
import { formatPointer, type Pointer } from "./pointer.js";
import { type Hash, isSealed, sealed, sealedAs } from "./same.js";
import { type Document, isList, isLiteral, isMap, literal, mapOf, type Value } from "./value.js";

export interface Sealing {
  /** Asked of every leaf, by its pointer in the words of findings. */
  readonly sensitive: (pointer: Pointer, value: Value) => boolean;
  readonly lists: ListRules;
  readonly hash: Hash;
}

/**
 * The document with a sealed literal in place of every sensitive leaf. `same` knows a value by its seal. What is sealed
 * already stays, and a document without sensitive leaves is returned as it is. The key of a keyed element stays in the clear:
 * it is the element's name, and in every pointer below it.
 */
export function sealDocument(document: Document, { sensitive, lists, hash }: Sealing): Document {
  const path: string[] = [];
  function seal(value: Value, scope: ListScope, key?: string): Value {
    const entries = isList(value) && scope.rule === "set" ? [] : entriesOf(value, scope);
    if (entries.length === 0) {
      // An empty container hides nothing, and comparing must see that it is one.
      if (isSealed(value) || isEmpty(value) || !sensitive(formatPointer(path), value)) return value;
      return sealed(value, path, { scope, hash });
    }
    const items = entries.map(([name, item]): readonly [string, Value] => {
      path.push(name);
      const result = name === key ? item : seal(item, within(scope, name), isList(value) ? keyName(scope) : undefined);
      path.pop();
      return [name, result];
    });
    if (items.every(([, item], index) => item === entries[index]?.[1])) return value;
    return isList(value) ? items.map(([, item]) => item) : mapOf(items);
  }
  return seal(document, listScope(lists)) as Document;
}

function isEmpty(value: Value): boolean {
  return isList(value) ? value.length === 0 : isMap(value) && Object.keys(value).length === 0;
}

/** Members by name, keyed elements by key, positions by index. */
function entriesOf(value: Value, scope: ListScope): readonly (readonly [string, Value])[] {
  if (isMap(value)) return Object.entries(value);
  if (!isList(value)) return [];
  const key = keyName(scope);
  const keyed = key !== undefined && positions(value, key) !== undefined;
  return value.map((item, index) => [(keyed ? keyOf(item, key) : undefined) ?? String(index), item] as const);
}

/**
 * JSON text that gives the same document back. What JSON has no word for is a map with one member that begins with `$`
 * (`$integer`, `$number`, `$literal`, `$sealed`); a document's own key that begins with `$` gets another one in front.
 */
export function encodeDocument(document: Document): string {
  return JSON.stringify(encode(document));
}

function encode(value: Value): unknown {
  if (isSealed(value)) return { $sealed: value.text };
  if (isLiteral(value)) return { $literal: [value.tag, value.text] };
  if (isList(value)) return value.map(encode);
  if (isMap(value)) {
    const entries = Object.entries(value).map(([name, item]) => [
      name.startsWith("$") ? `$${name}` : name,
      encode(item),
    ]);
    return Object.fromEntries(entries) as unknown;
  }
  if (typeof value === "bigint") return { $integer: value.toString() };
  return typeof value === "number" && !Number.isFinite(value) ? { $number: String(value) } : value;
}

/** The document that was encoded, or undefined where the text is none: the caller is at first contact then. */
export function decodeDocument(text: string): Document | undefined {
  try {
    const value = decode(JSON.parse(text) as Value);
    return isMap(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function decode(value: Value): Value {
  if (isList(value)) return value.map(decode);
  if (!isMap(value)) return value;
  const entries = Object.entries(value);
  const [[name, content] = ["", null]] = entries;
  if (entries.length === 1 && name.startsWith("$") && !name.startsWith("$$")) return decodeSpecial(name, content);
  return mapOf(entries.map(([key, item]) => [key.startsWith("$$") ? key.slice(1) : key, decode(item)] as const));
}

function decodeSpecial(name: string, content: Value): Value {
  if (name === "$integer" && typeof content === "string") return BigInt(content);
  if (name === "$number" && typeof content === "string") return Number(content);
  if (name === "$sealed" && typeof content === "string") return sealedAs(content);
  const [tag, text] = name === "$literal" && isList(content) ? content : [];
  if (typeof tag === "string" && typeof text === "string") return literal(tag, text);
  throw new SyntaxError(`no value is encoded as ${name}`);
}
