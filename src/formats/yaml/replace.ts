import { isScalar, type CST, type Node } from "yaml";
import type { Value } from "../../core/value.js";
import { insertLines, lineEnding, lineStart, type Splice } from "../text.js";
import { isBlank, isBlockCollection, isBlockScalar, isProp, nodeEnd, tokenEnd } from "./nodes.js";
import { renderBlock, renderFlow, type Rendered, type YamlLayout } from "./render.js";
import { styleOf, type Style } from "./scalar.js";
import { headEnd, lineAfter, type Slot } from "./slot.js";

/** The splices that write another value into a slot; an anchor stays, a tag goes with the value that it was of. */
export function replacement(text: string, slot: Slot, value: Value, layout: YamlLayout): Splice[] {
  const { node, item, flow, column, dash } = slot;
  const style = styleFor(node, value);
  // Behind an anchor no block can begin: `- &x - 1` is no YAML, so that it goes on the lines below.
  const anchored = dash && item?.start.some(({ type }) => type === "anchor") === true;
  const site = anchored ? { layout: { ...layout, listStep: layout.step } } : { layout, dash };
  const rendered = flow
    ? { first: renderFlow(value, style), rest: [] }
    : renderBlock(value, { ...site, column, ...(style && { style }) });
  return item ? slotReplacement(text, slot, item, rendered) : documentReplacement(text, node, rendered);
}

function styleFor(node: Node | null, value: Value): Style | undefined {
  if (typeof value !== "string" || !isScalar(node) || typeof node.value !== "string") return undefined;
  const style = styleOf(node);
  return style === "plain" && value.includes("\n") ? undefined : style;
}

/** What is written has two parts, behind the key or dash and on lines below it; so had what was there. */
function slotReplacement(text: string, slot: Slot, item: CST.CollectionItem, { first, rest }: Rendered): Splice[] {
  const { node, dash } = slot;
  const props = [...(item.sep ?? []), ...(dash ? item.start : [])].filter(isProp);
  // Tag and anchor come in either order: where the tag goes, the anchor is written anew.
  const tagged = props.some(({ type }) => type === "tag") ? props : [];
  const anchor = tagged.find(({ type }) => type === "anchor")?.source;
  const head = headEnd(slot, { anchor: tagged.length === 0 });
  const propsEnd = Math.max(head, ...tagged.map(tokenEnd));
  const valueStart = node?.range?.[0] ?? head;
  const end = Math.max(propsEnd, node && !isBlank(node) ? nodeEnd(node) : 0);

  const below = isBlockCollection(node) && text.slice(head, valueStart).includes("\n");
  const absent = below || isBlank(node);
  const start = tagged.length > 0 ? Math.min(...tagged.map(({ offset }) => offset)) : absent ? head : valueStart;
  const stop = absent ? propsEnd : isBlockScalar(node) ? headerEnd(node) : withoutBreak(text, end);
  const written = [anchor, first].filter((part) => part !== undefined && part !== "").join(" ");
  const colon = dash || item.sep?.some(({ type }) => type === "map-value-ind") ? "" : ":";
  const inline =
    written === ""
      ? { start: head, end: stop, text: colon }
      : { start, end: stop, text: absent && tagged.length === 0 ? `${colon} ${written}` : written };

  if (below) return [inline, lines(text, { start: lineStart(text, valueStart), end: lineAfter(text, end) }, rest)];
  const at = lineAfter(text, stop);
  const old = isBlockScalar(node) ? { start: at, end: Math.max(at, end) } : { start: at, end: at };
  return old.end > old.start || rest.length > 0 ? [inline, lines(text, old, rest)] : [inline];
}

function lines(text: string, { start, end }: { start: number; end: number }, written: readonly string[]): Splice {
  if (start === end) return insertLines(text, start, written);
  const eol = lineEnding(text);
  return { start, end, text: written.map((line) => line + eol).join("") };
}

/** A collection that ends in a block scalar ends after a line break, that is not the collection's. */
function withoutBreak(text: string, end: number): number {
  if (text.charAt(end - 1) !== "\n") return end;
  return end - (text.charAt(end - 2) === "\r" ? 2 : 1);
}

function headerEnd(node: Node): number {
  const token = isScalar(node) ? node.srcToken : undefined;
  const props = token?.type === "block-scalar" ? token.props : [];
  const header = props.find(({ type }) => type === "block-scalar-header");
  return header ? tokenEnd(header) : (node.range?.[0] ?? 0);
}

function documentReplacement(text: string, node: Node | null, { first, rest }: Rendered): Splice[] {
  const written = first === "" ? rest : [first, ...rest];
  if (isBlank(node)) return [insertLines(text, node?.range?.[2] ?? text.length, written)];
  const start = node?.range?.[0] ?? 0;
  const end = node ? nodeEnd(node) : start;
  const line = lineStart(text, start);
  if (text.slice(line, start).trim() === "") return [lines(text, { start: line, end: lineAfter(text, end) }, written)];
  // Behind the document's `---` only a scalar and brackets can stand.
  const eol = lineEnding(text);
  const moved = rest.length > 0 ? eol + written.join(eol) : first;
  return [{ start, end, text: isBlockScalar(node) ? moved + eol : moved }];
}
