import type { ListRules } from "./change.js";
import type { Finding, FindingKind } from "./finding.js";
import { byKey, keyName, type ListScope, listScope, requireByKey, within } from "./lists.js";
import { formatPointer, type Pointer } from "./pointer.js";
import { type Hash, same } from "./same.js";
import { type Document, emptyMap, isList, isMap, member, type MutableMap, type Value, type ValueMap } from "./value.js";

export interface CompareOptions {
  /** What Trueup last wrote or adopted, sensitive leaves sealed; undefined before first contact. */
  readonly lastApplied: Document | undefined;
  readonly desired: Document;
  readonly live: Document;
  readonly lists: ListRules;
  /** Whether settings that git once named and no longer does are removed. */
  readonly prune: boolean;
  /** Whether settings that git never named are removed, too. */
  readonly exclusive: boolean;
  /** A setting or subtree that is left out. Leave the function out where nothing is ignored: it needs every pointer spelt. */
  readonly ignored?: (pointer: Pointer) => boolean;
  /** The hash that `lastApplied` was sealed with. */
  readonly hash?: Hash;
}

export interface Comparison {
  readonly findings: readonly Finding[];
  /** How many settings git names, without the ignored. */
  readonly managed: number;
  /**
   * `lastApplied` with every setting that is in sync as desired, without those that git no longer names and nobody is to
   * remove, and without the ignored. New values are in the clear: seal it before it leaves the process.
   */
  readonly lastApplied: Document;
}

/**
 * The three-way comparison. A setting is a leaf: a scalar, an empty map or list, a set as a whole.
 *
 * - Maps are compared by member, keyed lists by key, ordered lists by position. Members that git does not name are
 *   unmanaged neighbours; a list is owned whole, so that what git does not name in it is a difference.
 * - Where one side has another kind of value (map, list, scalar), that place is one setting, and its values are whole.
 * - An element of a keyed list and a position of an ordered list are created whole, because only so are their key's type
 *   and their place certain. A keyed list of which live has doubled or missing keys is one setting.
 * - An empty map or list in git says only that there is one: members that git does not name may be in it.
 *
 * @throws DOCUMENT_INVALID where a desired list does not fit its rule
 */
export function compare(options: CompareOptions): Comparison {
  const run: Run = { options, path: [], findings: [], managed: 0, skipped: 0 };
  const at: At = { run, scope: listScope(options.lists), list: undefined };
  const lastApplied = members(options.lastApplied, options.desired, options.live, at);
  return { findings: run.findings, managed: run.managed, lastApplied: isMap(lastApplied) ? lastApplied : emptyMap() };
}

interface Run {
  readonly options: CompareOptions;
  /** Where the walk is; a stack, so that nothing is built for settings that are in sync. */
  readonly path: string[];
  readonly findings: Finding[];
  managed: number;
  skipped: number;
}

interface At {
  readonly run: Run;
  readonly scope: ListScope;
  /** Inside an ordered list: whether last applied has that list. */
  readonly list: "known" | "new" | undefined;
}

/**
 * Who moved. A last applied, D desired, L live; a capital is a value, − is absent.
 *
 * | A   | D       | L       |                   | finding                                                         |
 * |-----|---------|---------|-------------------|-----------------------------------------------------------------|
 * | any | D       | D       |                   | none: in sync                                                   |
 * | any | −       | −       |                   | none: forgotten                                                 |
 * | −   | D       | −       |                   | pending                                                         |
 * | −   | D       | L       |                   | conflicted: first contact                                       |
 * | A   | D       | A       |                   | pending: git moved                                              |
 * | A   | A       | L       |                   | modified: live moved                                            |
 * | A   | A       | −       |                   | missing: live moved                                             |
 * | A   | D       | L or −  |                   | conflicted: both moved                                          |
 * | −   | −       | L       |                   | unmanaged                                                       |
 * | A   | −       | A or L  | neither           | unmanaged, and forgotten                                        |
 * | A   | −       | A       | prune, exclusive  | pending                                                         |
 * | A   | −       | L       | prune, exclusive  | conflicted                                                      |
 *
 * In an ordered list − is a value like any other, for the list is owned whole: the rows with D hold for it, too. A list
 * that A does not have at all is at first contact, and every difference in it is conflicted.
 */
function judge(a: Value | undefined, d: Value | undefined, l: Value | undefined, at: At): FindingKind {
  const { options, path } = at.run;
  const isA = (value: Value | undefined): boolean => same(a, value, { scope: at.scope, path, hash: options.hash });
  if (d === undefined && at.list === undefined) {
    if (a === undefined || !(options.prune || options.exclusive)) return "unmanaged";
    return isA(l) ? "pending" : "conflicted";
  }
  if (at.list === "new") return "conflicted";
  if (a === undefined && at.list === undefined) return l === undefined ? "pending" : "conflicted";
  if (isA(l)) return "pending";
  if (isA(d)) return l === undefined ? "missing" : "modified";
  return "conflicted";
}

/** Compares what stands at one place as one value. Each of these functions returns what last applied shall be there. */
function leaf(a: Value | undefined, d: Value | undefined, l: Value | undefined, at: At): Value | undefined {
  const desired = l === undefined ? withoutIgnored(d, at) : d;
  if (desired !== undefined) at.run.managed += settings(desired, at.scope);
  if (same(desired, l, { scope: at.scope })) return desired;
  const kind = judge(a, desired, l, at);
  report(at, { kind, desired, live: l, lastApplied: a });
  return kind === "unmanaged" ? undefined : a;
}

function report({ run }: At, finding: Omit<Finding, "path" | "action">): void {
  const action = finding.desired === undefined ? "remove" : finding.live === undefined ? "create" : "update";
  run.findings.push({ path: formatPointer(run.path), action, ...finding });
}

type Shape = "map" | "keyed" | "ordered" | "leaf";

function place(a: Value | undefined, d: Value | undefined, l: Value | undefined, at: At): Value | undefined {
  const desired = d === undefined ? undefined : shape(d, at, "desired");
  const live = l === undefined ? undefined : shape(l, at);
  if (desired !== undefined && live !== undefined) {
    if (desired !== live || desired === "leaf") return leaf(a, d, l, at);
    if (desired === "ordered") return ordered(a, d, l, at);
    return isEmpty(d) && !isEmpty(l) ? emptied(a, d, l, at) : inside(a, d, l, at);
  }
  const only = desired ?? live;
  // A map where the rules expect a list is created whole: a change below it would make a list.
  const created = only === "map" && (live !== undefined || keyName(at.scope) === undefined);
  const apart = (created || only === "keyed") && !isEmpty(d ?? l);
  return apart && (a === undefined || shape(a, at) === only) ? inside(a, d, l, at) : leaf(a, d, l, at);
}

function shape(value: Value, { scope, run }: At, side?: "desired"): Shape {
  if (isMap(value)) return "map";
  if (!isList(value) || scope.rule === "set") return "leaf";
  const key = keyName(scope);
  if (key === undefined) return "ordered";
  return (side === undefined ? byKey(value, key) : requireByKey(value, key, { path: run.path })) === undefined
    ? "leaf"
    : "keyed";
}

function isEmpty(value: Value | undefined): boolean {
  return isList(value) ? value.length === 0 : isMap(value) && Object.keys(value).length === 0;
}

function inside(a: Value | undefined, d: Value | undefined, l: Value | undefined, at: At): Value | undefined {
  if (isMap(d ?? l)) return members(asMap(a), asMap(d), asMap(l), at);
  const key = keyName(at.scope) ?? "";
  const elementsOf = (value: Value | undefined) => (isList(value) ? byKey(value, key) : undefined);
  const next = elements([elementsOf(a), elementsOf(d), elementsOf(l)], key, at);
  if (isList(d) && next.length === d.length && next.every((element, index) => element === d[index])) return d;
  return next.length === 0 ? undefined : next;
}

function asMap(value: Value | undefined): ValueMap | undefined {
  return isMap(value) ? value : undefined;
}

function members(a: ValueMap | undefined, d: ValueMap | undefined, l: ValueMap | undefined, at: At): Value | undefined {
  const { run } = at;
  const exceptions = new Map<string, Value | undefined>();
  const names = d === undefined ? [] : Object.keys(d);
  let found = 0;
  for (const name of names) {
    const desired = d?.[name];
    // Most settings are scalars in sync. No inherited member equals a scalar, so that the look-up need not ask whose it is.
    if (
      (typeof desired !== "object" || desired === null) &&
      l?.[name] === desired &&
      run.options.ignored === undefined
    ) {
      run.managed += 1;
      found += 1;
      continue;
    }
    const live = l === undefined ? undefined : member(l, name);
    if (live !== undefined) found += 1;
    const next = step(name, [a === undefined ? undefined : member(a, name), desired, live], at);
    if (next !== desired) exceptions.set(name, next);
  }
  const liveNames = l === undefined ? [] : Object.keys(l);
  if (l !== undefined && liveNames.length > found) {
    for (const name of liveNames) {
      if (d !== undefined && Object.hasOwn(d, name)) continue;
      const next = step(name, [a === undefined ? undefined : member(a, name), undefined, l[name]], at);
      if (next !== undefined) exceptions.set(name, next);
    }
  }
  if (names.length === 0 && liveNames.length === 0 && run.path.length > 0) run.managed += 1;
  return exceptions.size === 0 ? d : rebuilt(names, d, exceptions);
}

function rebuilt(
  names: readonly string[],
  d: ValueMap | undefined,
  exceptions: ReadonlyMap<string, Value | undefined>,
): ValueMap | undefined {
  const next: MutableMap = emptyMap();
  for (const name of new Set([...names, ...exceptions.keys()])) {
    const value = exceptions.has(name) ? exceptions.get(name) : d?.[name];
    if (value !== undefined) next[name] = value;
  }
  return isEmpty(next) ? undefined : next;
}

type Three<T> = readonly [a: T | undefined, d: T | undefined, l: T | undefined];

/** One segment down. */
function step(name: string, [a, d, l]: Three<Value>, at: At, how = place): Value | undefined {
  const { run } = at;
  const scope = within(at.scope, name);
  run.path.push(name);
  try {
    if (run.options.ignored?.(formatPointer(run.path)) !== true) {
      return how(a, d, l, scope === at.scope ? at : { ...at, scope });
    }
    run.skipped += 1;
    return undefined;
  } finally {
    run.path.pop();
  }
}

function elements([a, d, l]: Three<ReadonlyMap<string, ValueMap>>, key: string, at: At): Value[] {
  const next: Value[] = [];
  for (const name of new Set([...(d?.keys() ?? []), ...(l?.keys() ?? [])])) {
    const three: Three<Value> = [a?.get(name), d?.get(name), l?.get(name)];
    const how = three[2] === undefined ? leaf : three[1] === undefined ? unnamed(key) : named(key);
    const element = step(name, three, at, how);
    if (element !== undefined) next.push(element);
  }
  return next;
}

/** An element that both sides have. One that is nothing but its key in git is as empty as a map can be here. */
function named(key: string) {
  return (a: Value | undefined, d: Value | undefined, l: Value | undefined, at: At): Value | undefined =>
    isEmpty(without(d, key)) && !isEmpty(without(l, key)) ? emptied(a, d, l, at) : place(a, d, l, at);
}

/** An element that git does not name: its key is its name, not a setting, unless there is nothing else. */
function unnamed(key: string) {
  return (a: Value | undefined, d: Value | undefined, l: Value | undefined, at: At): Value | undefined => {
    const rest = without(l, key);
    if (isEmpty(rest)) return leaf(a, d, l, at);
    const next = members(without(a, key), undefined, rest, at);
    const name = isMap(a) ? member(a, key) : undefined;
    return isMap(next) && name !== undefined ? Object.assign(emptyMap(), { [key]: name }, next) : undefined;
  };
}

function without(value: Value | undefined, key: string): ValueMap | undefined {
  if (!isMap(value)) return undefined;
  const rest: MutableMap = Object.assign(emptyMap(), value);
  delete rest[key];
  return rest;
}

/**
 * Git says that the map (or keyed list, or all of an element but its key) is empty, and live has something in it. Where all of that goes, the whole is one
 * change to an empty one, because a removal of the last member would take the map with it. Where some of it stays, each
 * member is its own.
 */
function emptied(a: Value | undefined, d: Value | undefined, l: Value | undefined, at: At): Value | undefined {
  const { run } = at;
  const { skipped } = run;
  const first = run.findings.length;
  if (isEmpty(d)) run.managed += 1;
  const next = inside(a, d, l, at) ?? d;
  const kinds = new Set(run.findings.slice(first).map(({ kind }) => kind));
  if (kinds.size === 0 || run.skipped > skipped || (kinds.has("unmanaged") && !run.options.exclusive)) return next;
  run.findings.length = first;
  const strongest: readonly FindingKind[] = ["conflicted", "modified", "pending"];
  const kind = strongest.find((candidate) => kinds.has(candidate)) ?? "unmanaged";
  report(at, { kind, desired: d, live: l, lastApplied: a });
  return kind === "unmanaged" ? d : a;
}

function ordered(a: Value | undefined, d: Value | undefined, l: Value | undefined, at: At): Value | undefined {
  if (!isList(d) || !isList(l)) return leaf(a, d, l, at);
  const { run } = at;
  const known = isList(a) && at.list !== "new" ? a : undefined;
  const here: At = { ...at, list: known === undefined ? "new" : "known" };
  let inSync = d.length === l.length;
  const next: (Value | undefined)[] = [];
  for (let index = 0; index < Math.max(d.length, l.length); index += 1) {
    const three: Three<Value> = [known?.[index], d[index], l[index]];
    if (three[1] === three[2] && typeof three[1] !== "object" && run.options.ignored === undefined) {
      run.managed += 1;
      next.push(three[1]);
      continue;
    }
    const both = three[1] !== undefined && three[2] !== undefined;
    const kept = step(String(index), three, here, both ? place : leaf);
    if (kept !== d[index]) inSync = false;
    next.push(kept);
  }
  if (d.length === 0 && l.length === 0) run.managed += 1;
  if (inSync) return d;
  // A list is remembered as far as it has no gap; one that was never in sync is not.
  const gap = next.indexOf(undefined);
  return known === undefined ? undefined : (next.slice(0, gap < 0 ? undefined : gap) as Value[]);
}

/** How many settings a value is. */
function settings(value: Value, scope: ListScope): number {
  if (scope.rule === "set" || !(isMap(value) || isList(value)) || isEmpty(value)) return 1;
  const entries: readonly (readonly [string, Value])[] = isMap(value)
    ? Object.entries(value)
    : value.map((item, index) => [String(index), item] as const);
  return entries.reduce((sum, [name, item]) => sum + settings(item, within(scope, name)), 0);
}

/** What is to be created, without what is ignored in it. */
function withoutIgnored(value: Value | undefined, at: At): Value | undefined {
  if (at.run.options.ignored === undefined || !isMap(value)) return value;
  const next: MutableMap = emptyMap();
  for (const [name, item] of Object.entries(value)) {
    const kept = step(name, [undefined, item, undefined], at, (_, desired, __, here) => withoutIgnored(desired, here));
    if (kept !== undefined) next[name] = kept;
  }
  return next;
}
