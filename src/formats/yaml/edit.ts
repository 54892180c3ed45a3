import { isAlias, isMap, isSeq, type Node } from "yaml";
import type { Edit } from "../../core/change.js";
import { TrueupError } from "../../core/errors.js";
import { equal, isList, isMap as isValueMap, member, type Value, type ValueMap } from "../../core/value.js";
import type { Span } from "../bracketed.js";
import { align, revise, type Revision } from "../revision.js";
import { applySplices, lineEnding, type Source, type Splice } from "../text.js";
import { itemSpans, itemSplices, type Addition, type ItemChange } from "./items.js";
import { isBlank, isMergeKey, keyText, nodeEnd, pairsOf } from "./nodes.js";
import { readYaml, type Reading } from "./read.js";
import { layoutOf, type YamlLayout } from "./render.js";
import { replacement } from "./replace.js";
import { itemSlots, pairSlot, slotsBelow, type Slot } from "./slot.js";

/** More rounds than aliases of aliases of configuration nest. */
const MAX_PASSES = 8;

/**
 * The text with the edits applied. It is read again before it is given away: what cannot be edited in place is refused.
 *
 * A pass writes what differs at the places that are the setting's own. Where a value comes by an alias or a merge key, a
 * later pass gives the place a value of its own; that also restores what an edit of an anchored value changed elsewhere.
 */
export function editYaml(source: Source, edits: readonly Edit[], tags: "keep" | "refuse" | undefined): string {
  const reading = readYaml(source, tags);
  const revision = revise(reading.value, edits);
  if (equal(reading.value, revision.tree)) return source.text;
  for (const blocks of [true, false]) {
    const text = rewrite(reading, revision, { tags, blocks });
    if (text !== undefined) return text;
  }
  throw new TrueupError("DOCUMENT_UNREPRESENTABLE", "the document cannot be edited in place", {
    where: { file: source.file },
    hint: "Write the setting in block style on a line of its own, or edit the file by hand.",
  });
}

function rewrite(
  first: Reading,
  { tree, lineages }: Revision,
  { tags, blocks }: { tags: "keep" | "refuse" | undefined; blocks: boolean },
): string | undefined {
  const crlf = lineEnding(first.source.text) === "\r\n";
  let reading = first;
  for (let round = 0; round < MAX_PASSES; round += 1) {
    const { source, document } = reading;
    const layout = layoutOf(source.text, document, blocks);
    const splices = pass({ reading, layout, lineages: round === 0 ? lineages : undefined }, tree);
    if (splices.length === 0) return undefined;
    const written = applySplices(source.text, splices);
    // A pass may leave one line, that does not tell how the lines of the document end.
    const bare = crlf && !source.text.includes("\n");
    const text = bare ? written.replaceAll("\n", "\r\n") : written;
    const next = tryRead({ text, file: source.file }, tags);
    if (!next) return undefined;
    if (equal(next.value, tree)) return text;
    reading = next;
  }
  return undefined;
}

function tryRead(source: Source, tags: "keep" | "refuse" | undefined): Reading | undefined {
  try {
    return readYaml(source, tags);
  } catch (error) {
    if (error instanceof TrueupError && error.code === "DOCUMENT_INVALID") return undefined;
    throw error;
  }
}

interface Context {
  readonly reading: Reading;
  readonly layout: YamlLayout;
  readonly lineages: Revision["lineages"] | undefined;
}

interface Pass extends Context {
  readonly text: string;
  /** Splices at a setting's own place, and those that cut it loose from an alias or a merge. */
  readonly direct: Splice[];
  readonly derived: Splice[];
  /** What is no longer there after the pass, and aliases that it has replaced. */
  readonly dropped: Span[];
}

function pass(context: Context, after: Value): Splice[] {
  const { source, document, value } = context.reading;
  const state: Pass = { ...context, text: source.text, direct: [], derived: [], dropped: [] };
  const root: Slot = {
    node: document.contents,
    item: undefined,
    flow: false,
    column: -context.layout.step,
    dash: false,
  };
  change(state, root, value, after);
  if (state.direct.length === 0) return state.derived;
  // First: what goes below an alias's line comes before what is added to the collection that it ends.
  return [...release(state, root), ...state.direct];
}

function change(state: Pass, slot: Slot, before: Value, after: Value): void {
  if (before === after) return;
  const { node } = slot;
  if (isMap(node) && isValueMap(before) && isValueMap(after) && editable(slot)) {
    changeMap(state, { slot, collection: node, after }, before);
  } else if (isSeq(node) && isList(before) && isList(after) && editable(slot)) {
    changeList(state, { slot, collection: node, after }, before);
  } else if (!equal(before, after)) {
    const splices = replacement(state.text, slot, after, state.layout);
    if (node && isAlias(node)) {
      state.derived.push(...splices);
    } else {
      state.direct.push(...splices);
      // A scalar's anchor stays; a collection's, too, but what merges it may not be able to merge what comes in its place.
      if (isMap(node) || isSeq(node)) state.dropped.push({ start: node.range?.[0] ?? 0, end: nodeEnd(node) });
    }
  }
}

/** Not `[a: 1]`, a map without brackets inside a list's, and not an empty `{}`, which is written anew as a block. */
function editable({ node, flow }: Slot): boolean {
  if (!isMap(node) && !isSeq(node)) return false;
  return node.srcToken !== undefined && (flow || node.items.length > 0);
}

type Target = Pick<ItemChange, "slot" | "collection" | "after">;

function changeMap(state: Pass, target: Target & { after: ValueMap }, before: ValueMap): void {
  const { collection, after } = target;
  if (!isMap(collection)) return;
  const removed = new Set<number>();
  const merges = new Set<number>();
  const own = new Set<string>();
  const pairs = pairsOf(collection);
  for (const [index, pair] of pairs.entries()) {
    if (isMergeKey(pair.key)) {
      merges.add(index);
      continue;
    }
    const key = keyText(pair.key) ?? "";
    own.add(key);
    const old = member(before, key);
    const next = member(after, key);
    if (next === undefined) removed.add(index);
    else if (old !== undefined) change(state, pairSlot(state.text, collection, pair), old, next);
  }
  const last = pairs.length - 1;
  const inherited = Object.entries(before).filter(([key]) => !own.has(key));
  const overrides = inherited.flatMap(([key, old]): Addition[] => {
    const value = member(after, key);
    return value === undefined || equal(old, value) ? [] : [{ after: last, key, value }];
  });
  const added = Object.entries(after).flatMap(([key, value]): Addition[] =>
    Object.hasOwn(before, key) ? [] : [{ after: last, key, value }],
  );
  // A merge cannot leave a member out: it goes, and the next pass writes out the others.
  const unmerged = inherited.some(([key]) => !Object.hasOwn(after, key)) ? merges : new Set<number>();
  changeItems(state, state.direct, { ...target, removed, added });
  changeItems(state, state.derived, { ...target, removed: unmerged, added: overrides });
}

function changeList(state: Pass, target: Target & { after: readonly Value[] }, before: readonly Value[]): void {
  const { collection, after } = target;
  if (!isSeq(collection)) return;
  const slots = itemSlots(state.text, collection);
  const removed = new Set(before.keys());
  const added: Addition[] = [];
  let last = -1;
  for (const { from, value } of align(before, after, state.lineages)) {
    const slot = from === undefined ? undefined : slots[from];
    const old = from === undefined ? undefined : before[from];
    if (from === undefined || !slot || old === undefined) {
      added.push({ after: last, value });
      continue;
    }
    removed.delete(from);
    change(state, slot, old, value);
    last = from;
  }
  changeItems(state, state.direct, { ...target, removed, added });
}

function changeItems(state: Pass, out: Splice[], items: ItemChange): void {
  out.push(...itemSplices(state.text, items, state.layout));
  if (out !== state.direct) return;
  const spans = itemSpans(items.collection);
  for (const index of items.removed) state.dropped.push(spans[index] ?? { start: 0, end: 0 });
}

/** Gives values of their own to aliases whose anchor this pass drops. */
function release(state: Pass, root: Slot): Splice[] {
  const { targets } = state.reading;
  const orphans = new Set<Node>();
  for (const [alias, { node }] of targets) {
    if (dropped(state, node) && !dropped(state, alias)) orphans.add(alias);
  }
  if (orphans.size === 0) return [];
  const splices: Splice[] = [];
  const unmerged = new Set<Node>();
  for (const { slot, merge } of slotsBelow(state.text, root)) {
    const { node } = slot;
    if (!node || !isAlias(node) || !orphans.has(node)) continue;
    const value = targets.get(node)?.value;
    if (value === undefined) continue;
    const into = merge?.into.node;
    if (!merge || !isMap(into)) splices.push(...replacement(state.text, slot, value, state.layout));
    else if (!unmerged.has(into)) {
      unmerged.add(into);
      const removed = new Set([pairsOf(into).indexOf(merge.pair)]);
      splices.push(
        ...itemSplices(state.text, { slot: merge.into, collection: into, removed, added: [], after: {} }, state.layout),
      );
    }
  }
  return splices;
}

function dropped(state: Pass, node: Node): boolean {
  let start = node.range?.[0] ?? 0;
  // Nothing is written of a blank node: it belongs to its anchor, some spaces before.
  if (isBlank(node))
    do start -= 1;
    while (/[ \t]/.test(state.text.charAt(start)));
  return state.dropped.some((span) => span.start <= start && start < span.end);
}
