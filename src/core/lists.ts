import type { ListRule, ListRules } from "./change.js";
import { type Place, TrueupError } from "./errors.js";
import { formatPointer, parsePointer, type Pointer } from "./pointer.js";
import { isList, isMap, member, type Value, type ValueMap } from "./value.js";

/**
 * The list rules as seen from one place of a document: the rule of the list that stands there, and the way down.
 * A segment `*` of a rule's pointer stands for any one segment; where several rules fit, the one whose pointer is
 * literal for longest wins.
 */
export interface ListScope {
  readonly rule: ListRule | undefined;
  readonly named: ReadonlyMap<string, ListScope>;
  readonly any: ListScope | undefined;
}

const NO_RULES: ListScope = { rule: undefined, named: new Map(), any: undefined };

interface Rule {
  readonly path: readonly string[];
  readonly rule: ListRule;
}

/** The rules as seen from the root of the document. A pointer that is none is a RangeError. */
export function listScope(lists: ListRules): ListScope {
  return compile(Object.entries(lists).map(([pointer, rule]) => ({ path: parsePointer(pointer), rule })));
}

function compile(rules: readonly Rule[]): ListScope {
  if (rules.length === 0) return NO_RULES;
  const below = (segment: string): readonly Rule[] =>
    rules.filter(({ path }) => path[0] === segment).map(({ path, rule }) => ({ path: path.slice(1), rule }));
  const wild = below("*");
  const names = new Set(rules.flatMap(({ path }) => (path[0] === undefined || path[0] === "*" ? [] : [path[0]])));
  return {
    rule: rules.find(({ path }) => path.length === 0)?.rule,
    named: new Map([...names].map((name) => [name, compile([...below(name), ...wild])])),
    any: wild.length === 0 ? undefined : compile(wild),
  };
}

export function within(scope: ListScope, segment: string): ListScope {
  return scope === NO_RULES ? scope : (scope.named.get(segment) ?? scope.any ?? NO_RULES);
}

/** The name of the key member of the list at this place, or undefined where the list is not keyed. */
export function keyName(scope: ListScope): string | undefined {
  return typeof scope.rule === "object" ? scope.rule.key : undefined;
}

/** The element's key as a pointer segment: text, or the text of a number or truth value. */
export function keyOf(element: Value | undefined, key: string): string | undefined {
  const value = isMap(element) ? member(element, key) : undefined;
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "bigint" || typeof value === "boolean"
    ? String(value)
    : undefined;
}

/** Position by key; undefined where an element has no key or two have the same. */
export function positions(list: readonly Value[], key: string): ReadonlyMap<string, number> | undefined {
  const result = new Map<string, number>();
  for (const [index, element] of list.entries()) {
    const name = keyOf(element, key);
    if (name === undefined || result.has(name)) return undefined;
    result.set(name, index);
  }
  return result;
}

/** The elements by key, in the order of the list; undefined as `positions`. */
export function byKey(list: readonly Value[], key: string): ReadonlyMap<string, ValueMap> | undefined {
  const result = new Map<string, ValueMap>();
  for (const element of list) {
    const name = keyOf(element, key);
    if (name === undefined || !isMap(element) || result.has(name)) return undefined;
    result.set(name, element);
  }
  return result;
}

/** What keeps a list from being matched by key, for a person; the place is the element's index. */
function fault(list: readonly Value[], key: string): { index: number; problem: string } {
  const seen = new Map<string, number>();
  for (const [index, element] of list.entries()) {
    const name = keyOf(element, key);
    if (name === undefined) return { index, problem: `has no \`${key}\` to be matched by` };
    const first = seen.get(name);
    if (first !== undefined) return { index, problem: `has the same \`${key}\` as element ${first}: "${name}"` };
    seen.set(name, index);
  }
  throw new RangeError("the list can be matched by key");
}

/** Where a list is: its pointer's segments, and how to find the place in a text. */
export interface ListPlace {
  readonly path: readonly string[];
  readonly place?: ((pointer: Pointer) => Place | undefined) | undefined;
}

/**
 * The elements of a desired list by key.
 * @throws DOCUMENT_INVALID where an element has no key or two have the same
 */
export function requireByKey(list: readonly Value[], key: string, at: ListPlace): ReadonlyMap<string, ValueMap> {
  const elements = byKey(list, key);
  if (elements !== undefined) return elements;
  const { index, problem } = fault(list, key);
  const pointer = formatPointer([...at.path, String(index)]);
  throw new TrueupError("DOCUMENT_INVALID", `${pointer} ${problem}`, {
    where: at.place?.(pointer),
    hint: `The list ${formatPointer(at.path)} is matched by \`${key}\`: give every element its own, or change the rule under \`lists:\`.`,
  });
}

/** Holds every list of a desired document to its rule. Throws as `requireByKey`. */
export function checkLists(value: Value, scope: ListScope, at: ListPlace): void {
  if (scope === NO_RULES || (scope.rule === "set" && isList(value))) return;
  const check = (name: string, item: Value) => {
    checkLists(item, within(scope, name), { ...at, path: [...at.path, name] });
  };
  const key = keyName(scope);
  if (isMap(value)) for (const [name, item] of Object.entries(value)) check(name, item);
  else if (isList(value) && key !== undefined)
    for (const [name, item] of requireByKey(value, key, at)) check(name, item);
  else if (isList(value)) for (const [index, item] of value.entries()) check(String(index), item);
}

/**
 * Follows a pointer in the words of a finding to where it is in the document's own terms.
 * `absent`: a map or keyed list on the way has no such member. `none`: something stands there that cannot have members.
 */
export function trace(
  root: Value,
  segments: readonly string[],
  scope: ListScope,
): { readonly path: readonly string[]; readonly value: Value } | "absent" | "none" {
  const path: string[] = [];
  let node = root;
  let here = scope;
  for (const segment of segments) {
    const key = keyName(here);
    let name = segment;
    let next: Value | undefined;
    if (isMap(node)) next = member(node, segment);
    else if (isList(node) && key !== undefined) {
      const index = positions(node, key)?.get(segment);
      if (index !== undefined) next = node[index];
      name = String(index);
    } else if (!isList(node) || here.rule === "set" || !/^(0|[1-9]\d*)$/.test(segment)) return "none";
    else next = node[Number(segment)];
    if (next === undefined) return isList(node) && key === undefined ? "none" : "absent";
    path.push(name);
    node = next;
    here = within(here, segment);
  }
  return { path, value: node };
}
