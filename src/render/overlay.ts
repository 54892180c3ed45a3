import { TrueupError } from "../core/errors.js";
import { byKey, keyName, keyOf, type ListScope, positions, within } from "../core/lists.js";
import { canonical, same } from "../core/same.js";
import { emptyMap, isList, isMap, mapOf, member, type MutableMap, type Value, type ValueMap } from "../core/value.js";

/** One place of a document that is seen as layers: undefined where a layer says nothing of it. */
export interface Overlaid {
  /** What the file that is to be changed says, as a merge patch. */
  readonly own: Value | undefined;
  /** What the layers below it say together. */
  readonly lower: Value | undefined;
  readonly scope: ListScope;
}

/** A live value on its way into a file; undefined: the setting is gone. `path` is in the words of findings. */
export interface Setting {
  readonly path: readonly string[];
  readonly live: Value | undefined;
  /** A value as it renders: with variables put in. */
  readonly rendered: (value: Value, scope: ListScope) => Value;
  /** A value as a file writes it, so that it renders to the given one. */
  readonly written: (value: Value, scope: ListScope) => Value;
}

/**
 * What the file has to say, so that what is merged holds `live` at `path` and nothing else changes; undefined where it has
 * to say nothing. The inverse of `mergeLayers`: a whole live map or list becomes the difference to what is below.
 * @throws TrueupError DOCUMENT_UNREPRESENTABLE where no merge patch does that
 */
export function overlay(at: Overlaid, setting: Setting): Value | undefined {
  const { own, lower, scope } = at;
  const [name, ...path] = setting.path;
  if (name === undefined) return whole(at, setting);
  const key = keyName(scope);
  if (key !== undefined) return overlayElement(at, { ...setting, path }, { key, name });
  // A list replaces the one below: within it nothing is merged.
  if (isList(own) || (isList(lower) && own === undefined)) {
    const { live, written } = setting;
    return settle(own ?? lower, setting.path, scope, (there) => (live === undefined ? live : written(live, there)));
  }
  const map = mapOver(at);
  const next = overlay(
    {
      own: map && member(map, name),
      lower: isMap(lower) ? member(lower, name) : undefined,
      scope: within(scope, name),
    },
    { ...setting, path },
  );
  if (next === undefined && map === undefined) return own;
  return withMember(map ?? emptyMap(), name, next);
}

/** The tree with the value at the path: also within lists, where nothing is merged. `leaf` is told the list rules there. */
export function settle(
  node: Value | undefined,
  path: readonly string[],
  scope: ListScope,
  leaf: (scope: ListScope) => Value | undefined,
): Value | undefined {
  const [name, ...rest] = path;
  if (name === undefined) return leaf(scope);
  const below = within(scope, name);
  if (!isList(node)) {
    const map = isMap(node) ? node : emptyMap();
    return withMember(map, name, settle(member(map, name), rest, below, leaf));
  }
  const key = keyName(scope);
  const index = key === undefined ? Number(name) : (positions(node, key)?.get(name) ?? node.length);
  const next = settle(node[index], rest, below, leaf);
  if (next === undefined) return node.toSpliced(index, 1);
  const element = key === undefined ? next : keyed(next, key, name);
  return index < node.length ? node.with(index, element) : [...node, element];
}

function withMember(map: ValueMap, name: string, value: Value | undefined): ValueMap {
  const result: MutableMap = Object.assign(emptyMap(), map);
  if (value === undefined) delete result[name];
  else result[name] = value;
  return result;
}

/** An element that says its key. */
function keyed(element: Value, key: string, value: Value): Value {
  return isMap(element) && !Object.hasOwn(element, key)
    ? mapOf([[key, value] as const, ...Object.entries(element)])
    : element;
}

/** The file's map at the place. Where it has something else there, which hides what is below, the map goes on hiding it. */
function mapOver({ own, lower, scope }: Overlaid): ValueMap | undefined {
  if (own === undefined || isMap(own)) return own;
  const key = keyName(scope);
  const names = isMap(lower)
    ? Object.keys(lower)
    : isList(lower) && key !== undefined
      ? [...(byKey(lower, key)?.keys() ?? [])]
      : [];
  return mapOf(names.map((name) => [name, null] as const));
}

function overlayElement(
  at: Overlaid,
  setting: Setting,
  { key, name }: { key: string; name: string },
): Value | undefined {
  const { own, lower, scope } = at;
  const inherited = isList(lower) ? byKey(lower, key)?.get(name) : undefined;
  const change = (element: Value | undefined) =>
    overlay({ own: element, lower: inherited, scope: within(scope, name) }, setting);
  const named = (element: Value) => keyed(element, key, (inherited && member(inherited, key)) ?? name);
  if (isList(own)) {
    const index = positions(own, key)?.get(name);
    const next = change(index === undefined ? undefined : own[index]);
    if (next === null) {
      throw new TrueupError("DOCUMENT_UNREPRESENTABLE", `a list of elements cannot say that "${name}" is gone`, {
        hint: `write it there as a map by \`${key}\`, in which null takes an element away, or remove the element from the layer that has it`,
      });
    }
    if (next === undefined) return index === undefined ? own : own.toSpliced(index, 1);
    return index === undefined ? [...own, named(next)] : own.with(index, named(next));
  }
  const map = mapOver(at);
  const next = change(map && member(map, name));
  if (map !== undefined) return withMember(map, name, next);
  if (next === undefined) return own;
  return next === null ? mapOf([[name, null] as const]) : [named(next)];
}

function whole(at: Overlaid, setting: Setting): Value | undefined {
  const { own, lower, scope } = at;
  const { live } = setting;
  if (live === undefined) return lower === undefined ? undefined : null;
  if (live === null) {
    throw new TrueupError(
      "DOCUMENT_UNREPRESENTABLE",
      "the live value is null, which takes a setting away in a document",
      {
        hint: "say it in a JSON Patch beside the document (<target>.patch.yaml): there null is a value",
      },
    );
  }
  if (isList(live) && scope.rule === "set") return wholeSet(at, setting, live);
  if (isList(live) && keyName(scope) !== undefined) return wholeKeyed(at, setting, live);
  if (isMap(live)) return wholeMap(at, setting, live);
  const is = (value: Value) => same(setting.rendered(value, scope), live, { scope });
  // A reference to a variable that renders to the live value stays.
  if (own !== undefined) return is(own) ? own : setting.written(live, scope);
  return lower !== undefined && is(lower) ? undefined : setting.written(live, scope);
}

function wholeMap(at: Overlaid, setting: Setting, live: ValueMap): Value | undefined {
  const { own, lower, scope } = at;
  const map = mapOver(at);
  const result: MutableMap = Object.assign(emptyMap(), map);
  const below = isMap(lower) ? lower : emptyMap();
  for (const name of new Set([...Object.keys(result), ...Object.keys(below), ...Object.keys(live)])) {
    const next = overlay(
      { own: member(result, name), lower: member(below, name), scope: within(scope, name) },
      { ...setting, path: [], live: member(live, name) },
    );
    if (next === undefined) delete result[name];
    else result[name] = next;
  }
  return own === undefined && isMap(lower) && Object.keys(result).length === 0 ? undefined : result;
}

function wholeKeyed(at: Overlaid, setting: Setting, live: readonly Value[]): Value | undefined {
  const key = keyName(at.scope) ?? "";
  const elements = byKey(live, key);
  if (elements === undefined) {
    throw new TrueupError("DOCUMENT_UNREPRESENTABLE", `the live list has elements without a \`${key}\` of their own`);
  }
  const names = (list: Value | undefined): readonly string[] =>
    isList(list) ? list.flatMap((item) => keyOf(item, key) ?? []) : isMap(list) ? Object.keys(list) : [];
  let own = at.own;
  for (const name of new Set([...names(at.lower), ...names(at.own), ...elements.keys()])) {
    own = overlay({ ...at, own }, { ...setting, path: [name], live: elements.get(name) });
  }
  return own === undefined && !isList(at.lower) ? [] : own;
}

/** Layers of a set unite: one can only add to those below. */
function wholeSet({ own, lower, scope }: Overlaid, setting: Setting, live: readonly Value[]): Value | undefined {
  const nameOf = (item: Value) => canonical(item, scope);
  const rendered = (list: Value | undefined): readonly (readonly [string, Value])[] => {
    if (!isList(list)) return [];
    const shown = setting.rendered(list, scope);
    return list.map((item, index) => [nameOf(isList(shown) ? (shown[index] ?? item) : item), item] as const);
  };
  const wanted = new Map(live.map((item) => [nameOf(item), item] as const));
  const inherited = new Set(rendered(lower).map(([name]) => name));
  const gone = [...inherited].filter((name) => !wanted.has(name)).length;
  if (gone > 0) {
    throw new TrueupError(
      "DOCUMENT_UNREPRESENTABLE",
      `${gone} of the set's entries are gone live that a lower layer has`,
      {
        hint: "layers of a set unite: take the entries away in the layer that has them, or in a JSON Patch",
      },
    );
  }
  const kept = rendered(own).filter(([name]) => wanted.has(name));
  const known = new Set([...inherited, ...kept.map(([name]) => name)]);
  const added = setting.written(
    live.filter((item) => !known.has(nameOf(item))),
    scope,
  );
  const result = [...kept.map(([, item]) => item), ...(isList(added) ? added : [])];
  return own === undefined && isList(lower) && result.length === 0 ? undefined : result;
}
