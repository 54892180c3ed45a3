import type { AST } from "toml-eslint-parser";
import { equal, isList, isMap, mapOf, member, type Value, type ValueMap } from "../../core/value.js";
import { bracketedSplices, type BracketedChange } from "../bracketed.js";
import { align, type Revision } from "../revision.js";
import { aboveComments, endsApart, insertLines, lineEnd, lineEnding, sectionLines, type Splice } from "../text.js";
import { COMMENT, containerSplices, maskComments, type Turnover } from "./containers.js";
import type { Container, ListNode, Node, Piece, Syntax, TableNode, TablesNode } from "./syntax.js";
import { takesHeader, writeKey, writeSections, writeValue } from "./write.js";

export interface Rewriting {
  readonly text: string;
  readonly syntax: Syntax;
  readonly lineages: Revision["lineages"];
}

/** New sections, at the offset where a line ends. */
interface Block {
  readonly at: number;
  readonly lines: readonly string[];
  /** In front of what follows, instead of behind what is there. */
  readonly front?: boolean;
}

/** The splices that make a document say `want` where it says `have`, and touch nothing else. */
export function rewrite({ text, syntax, lineages }: Rewriting, have: ValueMap, want: ValueMap): Splice[] {
  const eol = lineEnding(text);
  const masked = maskComments(text, syntax.program.comments);
  const splices: Splice[] = [];
  const turnovers = new Map<Container, Turnover>();
  const sections = new Set<AST.TOMLTable>();
  const blocks: Block[] = [];

  table(syntax.root, have, want);
  for (const [container, turnover] of turnovers) {
    splices.push(...containerSplices({ text, masked, eol }, container, turnover));
  }
  for (const section of sections) splices.push(sectionLines(text, section.range[0], section.range[1]));
  return [...splices, ...blockSplices(text, blocks, splices)];

  function table(node: TableNode, before: ValueMap, after: ValueMap): void {
    const fresh: [string, Value][] = [];
    for (const [key, value] of Object.entries(after)) if (!Object.hasOwn(before, key)) fresh.push([key, value]);
    for (const [key, old] of Object.entries(before)) {
      const child = node.members.get(key);
      const value = member(after, key);
      if (child === undefined || equal(old, value)) continue;
      if (value !== undefined && change(child, old, value)) continue;
      for (const piece of child.pieces) remove(piece);
      if (value !== undefined) fresh.push([key, value]);
    }
    insert(node, fresh);
  }

  /** Changes a node where it stands; false where it has to be removed and written anew. */
  function change(node: Node, before: Value, after: Value): boolean {
    if (node.kind === "table" && isMap(before) && isMap(after)) {
      // A table without a header or braces of its own would be gone with its last entry.
      const own = node.home?.prefix.length === 0;
      if (!own && Object.keys(after).length === 0) return false;
      table(node, before, after);
      return true;
    }
    if (node.kind === "tables") {
      if (!isList(before) || !isList(after) || after.length === 0 || !after.every(isMap)) return false;
      tables(node, before, after);
      return true;
    }
    if (node.kind === "list" && isList(before) && isList(after)) {
      list(node, before, after);
      return true;
    }
    if (node.content === undefined) return false;
    const [start, end] = node.content.range;
    splices.push({ start, end, text: writeValue(after, { eol, like: node.content }) });
    return true;
  }

  function list(node: ListNode, before: readonly Value[], after: readonly Value[]): void {
    const like = node.items.at(-1);
    const style = { eol, like: like?.kind === "scalar" ? like.content : undefined };
    const { kept, inserted, removed } = compare(before, after, lineages);
    for (const [index, value] of kept) {
      const item = node.items[index];
      if (item && !equal(before[index], value)) change(item, before[index] ?? null, value);
    }
    const [start, end] = node.content.range;
    const items = node.content.elements.map(({ range }) => ({ start: range[0], end: range[1] }));
    const texts = inserted.map(({ after: index, value }) => ({ after: index, text: writeValue(value, style) }));
    splices.push(
      ...bracketedSplices(
        masked,
        { open: start + 1, close: end - 1, items, spacing: " " },
        { removed, inserted: texts },
      ),
    );
  }

  function tables(node: TablesNode, before: readonly Value[], after: readonly ValueMap[]): void {
    const { kept, inserted, removed } = compare(before, after, lineages);
    for (const [index, value] of kept) {
      const item = node.items[index];
      const old = before[index];
      if (item && isMap(old) && isMap(value) && !equal(old, value)) table(item, old, value);
    }
    for (const index of removed) for (const piece of node.items[index]?.pieces ?? []) remove(piece);
    for (const { after: index, value } of inserted) {
      const lines = writeSections(node.items[0]?.path ?? [], isMap(value) ? [value] : [], eol);
      const first = node.items[0]?.pieces[0];
      if (index >= 0) blocks.push({ at: endOf(text, node.items[index]?.pieces ?? []), lines });
      else if (first) blocks.push({ at: aboveComments(text, startOf(first), COMMENT), lines, front: true });
    }
  }

  function remove(piece: Piece): void {
    if ("section" in piece) sections.add(piece.section);
    else turnover(piece.entry.parent).removed.add(piece.entry);
  }

  function insert(node: TableNode, fresh: readonly (readonly [string, Value])[]): void {
    const home = node.home;
    const headers = home === undefined || (home.prefix.length === 0 && home.container.type !== "TOMLInlineTable");
    const below = fresh.filter(([, value]) => headers && takesHeader(value));
    const own = fresh.filter((entry) => !below.includes(entry));
    const at = node === syntax.root ? text.length : endOf(text, node.pieces);
    if (home)
      for (const [key, value] of own) turnover(home.container).added.push([writeKey([...home.prefix, key]), value]);
    else if (own.length > 0) {
      blocks.push({ at, lines: writeSections(node.path, mapOf(own), eol) });
    }
    for (const [key, value] of below) {
      if (takesHeader(value)) blocks.push({ at, lines: writeSections([...node.path, key], value, eol) });
    }
  }

  function turnover(container: Container): Turnover {
    const known = turnovers.get(container) ?? { removed: new Set(), added: [] };
    turnovers.set(container, known);
    return known;
  }
}

interface Comparison extends Pick<BracketedChange, "removed"> {
  readonly kept: readonly (readonly [index: number, value: Value])[];
  readonly inserted: readonly { readonly after: number; readonly value: Value }[];
}

function compare(before: readonly Value[], after: readonly Value[], lineages: Revision["lineages"]): Comparison {
  const removed = new Set(before.keys());
  const kept: [number, Value][] = [];
  const inserted: { after: number; value: Value }[] = [];
  let previous = -1;
  for (const { from, value } of align(before, after, lineages)) {
    if (from === undefined) {
      inserted.push({ after: previous, value });
      continue;
    }
    removed.delete(from);
    kept.push([from, value]);
    previous = from;
  }
  return { kept, inserted, removed };
}

function blockSplices(text: string, blocks: readonly Block[], before: readonly Splice[]): Splice[] {
  const occupied = new Set(before.filter((splice) => splice.text !== "").map((splice) => splice.start));
  return blocks.map(({ at, lines, front }) => {
    if (front) return insertLines(text, at, [...lines, ""]);
    const apart = occupied.has(at) || !endsApart(text.slice(0, at));
    occupied.add(at);
    return insertLines(text, at, apart ? ["", ...lines] : lines);
  });
}

function startOf(piece: Piece): number {
  return "section" in piece ? piece.section.range[0] : piece.entry.range[0];
}

/** The offset after the last line of the last piece. */
function endOf(text: string, pieces: readonly Piece[]): number {
  const last = pieces.at(-1);
  if (last === undefined) return text.length;
  return lineEnd(text, "section" in last ? last.section.range[1] : last.entry.range[1]);
}
