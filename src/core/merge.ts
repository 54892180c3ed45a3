import type { ListRules } from "./change.js";
import { type Place, TrueupError } from "./errors.js";
import { applyPatch } from "./json-patch.js";
import { checkLists, keyName, keyOf, type ListScope, listScope, requireByKey, trace, within } from "./lists.js";
import { formatPointer, parsePointer, type Pointer } from "./pointer.js";
import { canonical } from "./same.js";
import { emptyMap, equal, isList, isMap, member, type MutableMap, type Value, type ValueMap } from "./value.js";

/**
 * One file of a layer: a merge patch (RFC 7396) over what is below, or a JSON Patch (RFC 6902) of it. A file with nothing in
 * it changes nothing.
 */
export type Layer = ({ readonly value: Value } | { readonly patch: Value }) & {
  /** Where a place of the file is written, by a pointer in the file's own terms, for errors. */
  readonly place?: (pointer: Pointer) => Place | undefined;
};

/** Which layer gave a setting its value, and where in that layer: `pointer` is in the layer's own terms. */
export interface Origin {
  readonly layer: number;
  readonly pointer: Pointer;
}

export interface Merged {
  readonly value: Value;
  /** By a pointer in the words of a finding. Undefined where the result has no such place. */
  readonly origin: (pointer: Pointer) => Origin | undefined;
}

/**
 * Merges layers, lowest first. Beyond RFC 7396, by list rule:
 * - sets unite;
 * - keyed lists merge by key, new elements last. A layer may also write such a list as a map of its elements:
 *   `rooms: { kitchen: { setpoint: 21 }, bath: null }`, where null removes, as everywhere in a merge patch.
 *
 * Origins are found when asked for, by looking from the top layer down, so that merging keeps no books.
 * @throws DOCUMENT_INVALID where a list does not fit its rule or a JSON Patch cannot be applied
 */
export function mergeLayers(layers: readonly Layer[], lists: ListRules): Merged {
  const scope = listScope(lists);
  const stages: Value[] = [];
  for (const layer of layers) {
    const below = stages.at(-1) ?? emptyMap();
    const content = "patch" in layer ? layer.patch : layer.value;
    if (content === null) stages.push(below);
    else if ("patch" in layer) stages.push(applyPatch(below, layer.patch, layer.place));
    else stages.push(merge(below, content, { scope, path: [], place: layer.place }));
  }
  const value = stages.at(-1) ?? emptyMap();
  const origin = (pointer: Pointer) => originOf(parsePointer(pointer), { layers, stages, scope });
  checkLists(value, scope, {
    path: [],
    place: (pointer) => {
      const found = origin(pointer) ?? origin(pointer.slice(0, pointer.lastIndexOf("/")));
      return found && layers[found.layer]?.place?.(found.pointer);
    },
  });
  return { value, origin };
}

/** RFC 7396, section 2, with list rules. Returns a new tree that shares what did not change. */
export function mergePatch(target: Value, patch: Value, lists: ListRules = {}): Value {
  return merge(target, patch, { scope: listScope(lists), path: [] });
}

interface At {
  readonly scope: ListScope;
  /** In the patch's own terms. */
  readonly path: readonly string[];
  readonly place?: ((pointer: Pointer) => Place | undefined) | undefined;
}

function merge(target: Value | undefined, patch: Value, at: At): Value {
  if (at.scope.rule === "set" && isList(patch)) return unite([...(isList(target) ? target : []), ...patch], at.scope);
  const key = keyName(at.scope);
  if (key !== undefined && (isList(patch) || isMap(patch))) return mergeElements(target, patch, { ...at, key });
  if (!isMap(patch)) return patch;
  const result: MutableMap = isMap(target) ? Object.assign(emptyMap(), target) : emptyMap();
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = merge(member(result, name), value, below(at, name));
  }
  return result;
}

function below(at: At, segment: string, own = segment): At {
  return { scope: within(at.scope, segment), path: [...at.path, own], place: at.place };
}

/** In the order in which they first come. */
function unite(items: readonly Value[], scope: ListScope): Value[] {
  const seen = new Map<string, Value>();
  for (const item of items) {
    const text = canonical(item, scope);
    if (!seen.has(text)) seen.set(text, item);
  }
  return [...seen.values()];
}

function mergeElements(target: Value | undefined, patch: readonly Value[] | ValueMap, at: At & { key: string }): Value {
  const { key } = at;
  const elements = new Map<string, Value>(isList(target) ? requireByKey(target, key, { path: at.path }) : []);
  if (isList(patch)) {
    let index = 0;
    for (const [name, element] of requireByKey(patch, key, at)) {
      elements.set(name, merge(elements.get(name), element, below(at, name, String(index))));
      index += 1;
    }
  } else {
    for (const [name, element] of Object.entries(patch)) {
      if (element === null) elements.delete(name);
      else elements.set(name, named(elements.get(name), element, { ...below(at, name), key, name }));
    }
  }
  return [...elements.values()];
}

/** An element that is written as a member of a map: the member's name is its key. */
function named(target: Value | undefined, element: Value, at: At & { key: string; name: string }): Value {
  const { key, name, path, place } = at;
  const own = isMap(element) ? member(element, key) : undefined;
  if (!isMap(element) || (own !== undefined && keyOf(element, key) !== name)) {
    const pointer = formatPointer(path);
    const problem = isMap(element) ? `says another \`${key}\` than the name that it has here` : "must be a map or null";
    throw new TrueupError("DOCUMENT_INVALID", `${pointer} ${problem}`, {
      where: place?.(pointer),
      hint: `The list ${formatPointer(path.slice(0, -1))} is matched by \`${key}\`, and each member here is one element of it.`,
    });
  }
  return merge(target ?? Object.assign(emptyMap(), { [key]: name }), element, at);
}

interface History {
  readonly layers: readonly Layer[];
  /** The document after each layer. */
  readonly stages: readonly Value[];
  readonly scope: ListScope;
}

function originOf(segments: readonly string[], { layers, stages, scope }: History): Origin | undefined {
  if (typeof trace(stages.at(-1) ?? emptyMap(), segments, scope) === "string") return undefined;
  for (let layer = layers.length - 1; layer >= 0; layer -= 1) {
    const content = layers[layer];
    if (content === undefined) continue;
    if ("patch" in content) {
      const after = trace(stages[layer] ?? null, segments, scope);
      const before = trace(stages[layer - 1] ?? emptyMap(), segments, scope);
      if (typeof after === "string") break;
      if (typeof before === "string" || !equal(before.value, after.value)) {
        return { layer, pointer: operationOn(after.path, content.patch) };
      }
    } else {
      const found = trace(content.value, segments, scope);
      if (typeof found !== "string") return { layer, pointer: formatPointer(found.path) };
      if (found === "none" && content.value !== null) break;
    }
  }
  // No layer writes the key of an element that they write as a member of a map: it is where that member is.
  return segments.length === 0 ? undefined : originOf(segments.slice(0, -1), { layers, stages, scope });
}

/** The last operation that names the place or one above it. Exact but where a later one moves list positions. */
function operationOn(path: readonly string[], patch: Value): Pointer {
  const operations = isList(patch) ? patch : [];
  for (let index = operations.length - 1; index >= 0; index -= 1) {
    const operation = operations[index];
    const target = isMap(operation) ? member(operation, "path") : undefined;
    if (!isMap(operation) || typeof target !== "string") continue;
    const segments = parsePointer(target);
    if (segments.length > path.length) continue;
    if (!segments.every((segment, depth) => segment === path[depth] || segment === "-")) continue;
    const rest = Object.hasOwn(operation, "value") ? ["value", ...path.slice(segments.length)] : [];
    return formatPointer([String(index), ...rest]);
  }
  return "";
}
