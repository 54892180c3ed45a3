import { equal, isList, isMap, member, type Value, type ValueMap } from "../../core/value.js";
import { bracketedSplices, type BracketedChange } from "../bracketed.js";
import { align, type Revision } from "../revision.js";
import { lineStart, type Splice } from "../text.js";
import { membersOf, type JsonNode } from "./read.js";
import { renderJson, renderMember, type JsonStyle } from "./render.js";

interface Pass {
  readonly text: string;
  readonly style: JsonStyle;
  readonly lineages: Revision["lineages"];
}

/** The splices that make a JSON text of one tree a text of another, touching only what differs. */
export function jsonSplices(pass: Pass, node: JsonNode, before: Value, after: Value): Splice[] {
  if (before === after) return [];
  if (isMap(before) && isMap(after) && node.type === "object") return mapSplices(pass, node, before, after);
  if (isList(before) && isList(after) && node.type === "array") return listSplices(pass, node, before, after);
  return equal(before, after) ? [] : [replacement(pass, node, after)];
}

function replacement({ text, style }: Pass, node: JsonNode, value: Value): Splice {
  return {
    start: node.offset,
    end: node.offset + node.length,
    text: renderJson(value, style, indentFor(text, node)),
  };
}

/** The indentation of the line on which a value begins; undefined where its surroundings are on one line. */
function indentFor(text: string, node: JsonNode): string | undefined {
  const container = node.parent?.type === "property" ? node.parent.parent : node.parent;
  const spread = container ? spreads(text, container) : true;
  return spread ? (/^[ \t]*/.exec(text.slice(lineStart(text, node.offset)))?.[0] ?? "") : undefined;
}

function spreads(text: string, container: JsonNode): boolean {
  const first = container.children?.[0];
  return text.slice(container.offset, first?.offset ?? container.offset + container.length).includes("\n");
}

function mapSplices(pass: Pass, node: JsonNode, before: ValueMap, after: ValueMap): Splice[] {
  const splices: Splice[] = [];
  const removed = new Set<number>();
  let index = 0;
  for (const [key, value] of membersOf(node)) {
    const name = key.value as string;
    const old = member(before, name);
    const next = member(after, name);
    if (next === undefined) removed.add(index);
    else if (old !== undefined) splices.push(...jsonSplices(pass, value, old, next));
    index += 1;
  }
  const added = Object.entries(after).filter(([key]) => !Object.hasOwn(before, key));
  if (index === 0 && added.length > 0) return [replacement(pass, node, after)];
  const inner = innerIndent(pass, node);
  const inserted = added.map(([key, value]) => ({
    after: index - 1,
    text: renderMember(key, value, { style: pass.style, indent: inner }),
  }));
  return [...splices, ...revised(pass, node, { removed, inserted })];
}

function listSplices(pass: Pass, node: JsonNode, before: readonly Value[], after: readonly Value[]): Splice[] {
  const items = node.children ?? [];
  if (items.length === 0 && after.length > 0) return [replacement(pass, node, after)];
  const splices: Splice[] = [];
  const removed = new Set(before.keys());
  const inserted: { after: number; text: string }[] = [];
  const inner = innerIndent(pass, node);
  let last = -1;
  for (const { from, value } of align(before, after, pass.lineages)) {
    const item = from === undefined ? undefined : items[from];
    const old = from === undefined ? undefined : before[from];
    if (from === undefined || item === undefined || old === undefined) {
      inserted.push({ after: last, text: renderJson(value, pass.style, inner) });
      continue;
    }
    removed.delete(from);
    splices.push(...jsonSplices(pass, item, old, value));
    last = from;
  }
  return [...splices, ...revised(pass, node, { removed, inserted })];
}

function innerIndent({ text }: Pass, node: JsonNode): string | undefined {
  const first = node.children?.[0];
  if (!first || !spreads(text, node)) return undefined;
  return /^[ \t]*/.exec(text.slice(lineStart(text, first.offset)))?.[0] ?? "";
}

function revised({ text, style }: Pass, node: JsonNode, change: BracketedChange): Splice[] {
  if (change.removed.size === 0 && change.inserted.length === 0) return [];
  const items = (node.children ?? []).map(({ offset, length }) => ({ start: offset, end: offset + length }));
  const span = { open: node.offset + 1, close: node.offset + node.length - 1 };
  return bracketedSplices(text, { ...span, items, spacing: style.comma.slice(1) }, change);
}
