import type { Change, Edit, ListRules } from "./change.js";
import { draft } from "./edit.js";
import { TrueupError } from "./errors.js";
import { keyName, keyOf, type ListScope, listScope, positions, within } from "./lists.js";
import { parsePointer, type Pointer } from "./pointer.js";
import { same } from "./same.js";
import { type Document, emptyMap, isList, isMap, mapOf, member, type Value } from "./value.js";

/** What became of one change: the edits that carry it out, or the live value that had moved. */
export type Step =
  | { readonly change: Change; readonly edits: readonly Edit[] }
  | { readonly change: Change; readonly moved: true; readonly live: Value | undefined };

export interface Application {
  /** The live document with the changes that did not move. */
  readonly document: Document;
  /** One a change, in the order of the changes. */
  readonly steps: readonly Step[];
  /** All edits in the order in which they are valid: each path is in terms of the document after the edits before it. */
  readonly edits: readonly Edit[];
}

/**
 * Applies changes to a live document, compare-and-set. Finds keyed list elements by their key, appends and removes list
 * positions in an order that keeps the others' positions, makes missing maps, and touches no setting that no change names.
 *
 * - Every `expected` is compared with `live` as it was given, not with what earlier changes made of it.
 * - A change whose place cannot be (below a scalar, below a set, beyond the end of a list) has moved: live is not what the
 *   plan saw.
 * - A removal that empties its map, or leaves a keyed element with nothing but its key, takes that with it, and so on
 *   upwards: a row, a topic or a table of a file goes with its last setting. The document itself and the positions of an
 *   ordered list stay.
 */
export function applyChanges(live: Document, changes: readonly Change[], lists: ListRules): Application {
  const scope = listScope(lists);
  const index = keyIndex();
  const tree = draft(live);
  const steps = new Map<Change, Step>();
  const edits: Edit[] = [];
  const document = () => tree.value() as Document;

  function perform(change: Change, segments: readonly string[]): boolean {
    const place = locate(document(), segments, { scope, index });
    if (place === undefined) return false;
    const edit = change.desired === undefined ? removal(place) : write(place, segments, change.desired);
    if (edit !== undefined) {
      tree.apply(edit);
      edits.push(edit);
      index.edited(place.trail, segments, edit);
    }
    steps.set(change, { change, edits: edit === undefined ? [] : [edit] });
    return true;
  }

  const writes: Located[] = [];
  const removals: Located[] = [];
  for (const change of changes) {
    const segments = parsePointer(change.path);
    const place = locate(live, segments, { scope, index, beyond: true });
    const now = place?.trail[segments.length]?.node;
    const at = segments.reduce(within, scope);
    if (place === undefined || !same(change.expected, now, { scope: at })) {
      steps.set(change, { change, moved: true, live: now });
    } else (change.desired === undefined ? removals : writes).push({ change, segments, path: place.path });
  }
  // Positions beyond a list's end wait until the ones before them are there; positions are removed from the end.
  const waiting = writes.filter(({ change, segments }) => !perform(change, segments));
  for (const { change, segments } of [...waiting.sort(byPosition), ...removals.sort((a, b) => byPosition(b, a))]) {
    if (!perform(change, segments)) steps.set(change, { change, moved: true, live: undefined });
  }
  return { document: document(), steps: changes.flatMap((change) => steps.get(change) ?? []), edits };
}

interface Located {
  readonly change: Change;
  readonly segments: readonly string[];
  /** In the terms of the live document. */
  readonly path: readonly string[];
}

/** In the order of the document, list positions as numbers. */
function byPosition({ path: a }: Located, { path: b }: Located): number {
  for (const [depth, left] of a.entries()) {
    const right = b[depth];
    if (right === undefined) return 1;
    if (left !== right) {
      const difference = isIndex(left) && isIndex(right) ? Number(left) - Number(right) : Number.NaN;
      return Number.isNaN(difference) ? (left < right ? -1 : 1) : difference;
    }
  }
  return a.length - b.length;
}

function isIndex(segment: string): boolean {
  return /^(0|[1-9]\d*)$/.test(segment);
}

/** One node on the way to a setting, the document first. */
interface Node {
  readonly node: Value | undefined;
  readonly scope: ListScope;
  /** The key member by which this node's list is matched, if it stands in a keyed list. */
  readonly keyedBy: string | undefined;
}

interface Place {
  /** In the document's own terms; what is missing is in the words of the change. */
  readonly path: readonly string[];
  readonly trail: readonly Node[];
}

interface LocateOptions {
  readonly scope: ListScope;
  readonly index: KeyIndex;
  /** Whether a position beyond the end of a list is a place that is absent, or none. */
  readonly beyond?: boolean;
}

/** Follows a pointer in the words of a finding. Undefined where the document has no such place. */
function locate(document: Document, segments: readonly string[], options: LocateOptions): Place | undefined {
  const path: string[] = [];
  const trail: Node[] = [{ node: document, scope: options.scope, keyedBy: undefined }];
  let node: Value | undefined = document;
  let scope = options.scope;
  for (const segment of segments) {
    const key = keyName(scope);
    let keyedBy: string | undefined;
    let name = segment;
    if (node === undefined) {
      keyedBy = key;
    } else if (isList(node) && key !== undefined) {
      const at = options.index.find(node, key, segment);
      if (at === undefined) return undefined;
      keyedBy = key;
      name = String(at);
      node = node[at];
    } else if (isList(node)) {
      if (scope.rule === "set" || !isIndex(segment)) return undefined;
      if (Number(segment) > node.length && options.beyond !== true) return undefined;
      node = node[Number(segment)];
    } else if (isMap(node)) {
      node = member(node, segment);
    } else return undefined;
    scope = within(scope, segment);
    path.push(name);
    trail.push({ node, scope, keyedBy });
  }
  return { path, trail };
}

/** The edit that writes a setting. What is missing on the way is built with it: maps, and keyed lists with their element. */
function write({ path, trail }: Place, segments: readonly string[], desired: Value): Edit {
  let value = desired;
  let depth = segments.length;
  for (; ; depth -= 1) {
    const name = segments[depth - 1];
    const keyedBy = trail[depth]?.keyedBy;
    if (name === undefined) break;
    if (keyedBy !== undefined) value = withKey(value, keyedBy, name);
    if (trail[depth - 1]?.node !== undefined) break;
    value = keyedBy === undefined ? mapOf([[name, value]]) : [value];
  }
  return { path: path.slice(0, depth), value };
}

/** A keyed list's element with its key member first, where it does not say it itself. */
function withKey(element: Value, key: string, name: string): Value {
  if (!isMap(element))
    throw new TrueupError("INTERNAL", `an element of a list that is matched by \`${key}\` must be a map`);
  return keyOf(element, key) === name ? element : Object.assign(emptyMap(), { [key]: name }, element, { [key]: name });
}

/** The edit that removes a setting and what that leaves empty; undefined where it is gone already. */
function removal({ path, trail }: Place): Edit | undefined {
  let depth = path.length;
  if (trail[depth]?.node === undefined) return undefined;
  while (depth > 1 && isEmptiedBy(path[depth - 1], trail[depth - 1]) && !isPosition(trail[depth - 2])) depth -= 1;
  return { path: path.slice(0, depth), value: undefined };
}

function isEmptiedBy(segment: string | undefined, parent: Node | undefined): boolean {
  if (isList(parent?.node)) return keyName(parent.scope) !== undefined && parent.node.length === 1;
  if (!isMap(parent?.node)) return false;
  return Object.keys(parent.node).every((name) => name === segment || (name === parent.keyedBy && segment !== name));
}

/** Whether what stands in this node stands there by its position. */
function isPosition(node: Node | undefined): boolean {
  return isList(node?.node) && keyName(node.scope) === undefined;
}

/** Positions by key of the lists met so far, kept while elements come and go. */
interface KeyIndex {
  /** The element's position, the list's length where there is no such element, undefined where the list cannot be keyed. */
  find(list: readonly Value[], key: string, name: string): number | undefined;
  edited(trail: readonly Node[], segments: readonly string[], edit: Edit): void;
}

interface Known {
  readonly at: Map<string, number>;
  /** Positions from here on have moved since. Removals go from the end, so that this costs no second look. */
  moved: number;
}

function keyIndex(): KeyIndex {
  const known = new WeakMap<readonly Value[], Known>();
  function look(list: readonly Value[], key: string): Known | undefined {
    const at = positions(list, key);
    if (at === undefined) return undefined;
    const entry = { at: new Map(at), moved: Infinity };
    known.set(list, entry);
    return entry;
  }
  return {
    find(list, key, name) {
      const entry = known.get(list) ?? look(list, key);
      const position = entry?.at.get(name);
      if (entry === undefined || (position ?? -1) < entry.moved) return entry && (position ?? list.length);
      return look(list, key)?.at.get(name) ?? list.length;
    },
    // The lists of a draft change in place, once it has copied them; a copy is another list, and looked at anew.
    edited(trail, segments, { path, value }) {
      for (const [depth, { keyedBy, node }] of trail.entries()) {
        const list = trail[depth - 1]?.node;
        if (keyedBy === undefined || !isList(list)) continue;
        const position = Number(path[depth - 1]);
        const entry = known.get(list);
        if (path[depth] === keyedBy) known.delete(list);
        else if (entry === undefined || path.length !== depth) continue;
        else if (value === undefined) entry.moved = Math.min(entry.moved, position);
        else if (node === undefined) entry.at.set(segments[depth - 1] ?? "", position);
      }
    },
  };
}

/** What a document holds at a setting, named in the words of a finding; undefined where it holds nothing there. */
export function settingAt(document: Document, path: Pointer, lists: ListRules): Value | undefined {
  const segments = parsePointer(path);
  const place = locate(document, segments, { scope: listScope(lists), index: keyIndex(), beyond: true });
  return place?.trail[segments.length]?.node;
}

/** The document with settings put to what they are said to be, whatever they were; undefined removes. */
export function overwrite(
  document: Document,
  settings: readonly { readonly path: Pointer; readonly value: Value | undefined }[],
  lists: ListRules,
): Document {
  const changes = settings.map(({ path, value }) => ({
    path,
    desired: value,
    expected: settingAt(document, path, lists),
  }));
  return applyChanges(document, changes, lists).document;
}
