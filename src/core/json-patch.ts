import { type Place, TrueupError } from "./errors.js";
import { LIMITS } from "./limits.js";
import { formatPointer, parsePointer, type Pointer } from "./pointer.js";
import { emptyMap, equal, isList, isMap, type MutableMap, member, type Value, type ValueMap } from "./value.js";

/**
 * Applies a JSON Patch (RFC 6902) and returns a new tree; what was given stays as it is.
 *
 * Own code: fast-json-patch 3.1.1 passes all 91 of the public json-patch-tests, but not our trees. `copy` and its
 * non-mutating mode clone through JSON text, which turns a literal (`!secret x`) into a map and throws on a bigint; a path may
 * step into a literal; `remove /toString` succeeds on a map that has no such member; and a key `__proto__` is either refused
 * or resolved through the prototype.
 *
 * @param place where a place of the patch document is written, by a pointer into it such as `/3/path`, for errors
 * @throws DOCUMENT_INVALID, naming the operation by its index, counted from 0; DOCUMENT_TOO_LARGE where copies of copies pass `LIMITS`
 */
export function applyPatch(document: Value, patch: Value, place?: (pointer: Pointer) => Place | undefined): Value {
  if (!isList(patch)) {
    throw new TrueupError("DOCUMENT_INVALID", "a JSON Patch is a list of operations", {
      where: place?.(""),
      hint: "Write e.g. `- { op: replace, path: /a/b, value: 1 }`. For a map of what to change, use a merge patch.",
    });
  }
  const extents = new WeakMap<object, Extent>();
  return patch.reduce<Value>((current, operation, index) => {
    try {
      const next = operate(current, operation);
      // Nothing else makes more of a document than the patch itself has.
      if (isMap(operation) && member(operation, "op") === "copy") refuseBoundless(extentOf(next, extents));
      return next;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw new TrueupError(error.code, `operation ${index} of the JSON Patch: ${error.message}`, {
        where: place?.(`/${index}`),
      });
    }
  }, document);
}

/** Why an operation cannot be done, as words for a person; never shown without its operation. */
class Refusal extends Error {
  readonly code: "DOCUMENT_INVALID" | "DOCUMENT_TOO_LARGE";
  constructor(message: string, code: Refusal["code"] = "DOCUMENT_INVALID") {
    super(message);
    this.code = code;
  }
}

interface Extent {
  readonly nodes: number;
  readonly depth: number;
  readonly characters: number;
}

/** A copy shares what it is a copy of: each part is counted once, however often it stands in the document. */
function extentOf(value: Value, known: WeakMap<object, Extent>): Extent {
  if (!isList(value) && !isMap(value)) {
    return { nodes: 1, depth: 0, characters: typeof value === "string" ? value.length : 0 };
  }
  const before = known.get(value);
  if (before !== undefined) return before;
  let [nodes, depth, characters] = [1, 0, isMap(value) ? Object.keys(value).join("").length : 0];
  for (const item of Object.values(value)) {
    const inner = extentOf(item, known);
    nodes += inner.nodes;
    depth = Math.max(depth, inner.depth);
    characters += inner.characters;
  }
  const extent = { nodes, depth: depth + 1, characters };
  known.set(value, extent);
  return extent;
}

function refuseBoundless({ nodes, depth, characters }: Extent): void {
  const excess =
    nodes > LIMITS.nodes
      ? `${LIMITS.nodes} values`
      : depth > LIMITS.depth
        ? `${LIMITS.depth} levels of nesting`
        : characters > LIMITS.bytes
          ? `${LIMITS.bytes} characters`
          : undefined;
  if (excess !== undefined) throw new Refusal(`makes a document of more than ${excess}`, "DOCUMENT_TOO_LARGE");
}

function operate(document: Value, operation: Value): Value {
  if (!isMap(operation)) throw new Refusal("is not a map");
  const op = text(operation, "op");
  const path = pointer(operation, "path");
  switch (op) {
    case "add":
      return add(document, path, argument(operation));
    case "remove":
      return remove(document, path);
    case "replace": {
      const value = argument(operation);
      get(document, path);
      return replace(document, path, value);
    }
    case "move": {
      const from = pointer(operation, "from");
      if (path.length > from.length && from.every((segment, index) => segment === path[index])) {
        throw new Refusal("`move` cannot put a value into itself");
      }
      const value = get(document, from);
      return from.length === 0 ? value : add(remove(document, from), path, value);
    }
    case "copy":
      return add(document, path, get(document, pointer(operation, "from")));
    case "test":
      if (!equal(get(document, path), argument(operation)))
        throw new Refusal(`\`test\` of ${shown(path)} finds another value`);
      return document;
    default:
      throw new Refusal(`\`op\` is "${op}"; it can be add, remove, replace, move, copy or test`);
  }
}

function text(operation: ValueMap, name: string): string {
  const value = member(operation, name);
  if (typeof value !== "string")
    throw new Refusal(value === undefined ? `has no \`${name}\`` : `\`${name}\` is no text`);
  return value;
}

function pointer(operation: ValueMap, name: string): string[] {
  const value = text(operation, name);
  if (value !== "" && !value.startsWith("/")) throw new Refusal(`\`${name}\` must be empty or begin with "/"`);
  if (/~(?![01])/.test(value)) throw new Refusal(`\`${name}\` has a "~" that is neither "~0" nor "~1"`);
  return parsePointer(value);
}

function argument(operation: ValueMap): Value {
  const value = member(operation, "value");
  if (value === undefined) throw new Refusal("has no `value`");
  return value;
}

function get(document: Value, path: readonly string[]): Value {
  return path.reduce<Value>((node, segment, depth) => {
    const next = isMap(node) ? member(node, segment) : isList(node) ? node[position(node, segment, 0)] : undefined;
    if (next === undefined) throw new Refusal(`there is nothing at ${shown(path.slice(0, depth + 1))}`);
    return next;
  }, document);
}

function add(document: Value, path: readonly string[], value: Value): Value {
  if (path.length === 0) return value;
  return change(document, path, (parent, segment) => {
    if (Array.isArray(parent)) parent.splice(segment === "-" ? parent.length : position(parent, segment, 1), 0, value);
    else parent[segment] = value;
  });
}

/** In place, so that a map's member keeps its position among the others. */
function replace(document: Value, path: readonly string[], value: Value): Value {
  if (path.length === 0) return value;
  return change(document, path, (parent, segment) => {
    if (Array.isArray(parent)) parent[Number(segment)] = value;
    else parent[segment] = value;
  });
}

function remove(document: Value, path: readonly string[]): Value {
  get(document, path);
  if (path.length === 0) throw new Refusal("the whole document cannot be removed");
  return change(document, path, (parent, segment) => {
    if (Array.isArray(parent)) parent.splice(Number(segment), 1);
    else delete parent[segment];
  });
}

/** A copy of the tree, as far as the path goes, with its last container changed. */
function change(
  node: Value,
  path: readonly string[],
  at: (parent: Value[] | MutableMap, segment: string) => void,
): Value {
  const [segment = "", ...rest] = path;
  if (!isList(node) && !isMap(node)) throw new Refusal(`there is no map or list to hold "${segment}"`);
  const copy = isList(node) ? [...node] : Object.assign(emptyMap(), node);
  if (rest.length === 0) at(copy, segment);
  else if (Array.isArray(copy)) copy[position(copy, segment, 0)] = change(get(node, [segment]), rest, at);
  else copy[segment] = change(get(node, [segment]), rest, at);
  return copy;
}

/** RFC 6901, section 4: digits without a leading zero. `room` is 1 where the position after the last counts. */
function position(list: readonly Value[], segment: string, room: 0 | 1): number {
  const index = /^(0|[1-9]\d*)$/.test(segment) ? Number(segment) : Number.NaN;
  if (index < list.length + room) return index;
  throw new Refusal(`"${segment}" is no position in a list of ${list.length}`);
}

function shown(path: readonly string[]): string {
  return path.length === 0 ? "the whole document" : formatPointer(path);
}
