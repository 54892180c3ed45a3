import { isMap as isMapNode, parseDocument, visit, type Document, type Node } from "yaml";
import { isList, isLiteral, isMap, type Literal, type Value } from "../../core/value.js";
import { lineStart } from "../text.js";
import { isBlockCollection, type YamlPair } from "./nodes.js";
import { blockText, numberText, stringText, type Style } from "./scalar.js";

/** How a document is laid out, as far as new values shall look like the old ones. */
export interface YamlLayout {
  /** Columns of one level of indentation. */
  readonly step: number;
  /** Columns by which a list is indented under its key: 0 or `step`. */
  readonly listStep: number;
  /** Whether strings of several lines are written as `|`, where they can be; else in double quotes. */
  readonly blocks: boolean;
}

/** A value as text: what stands behind the key or dash, and the lines below it, indented. */
export interface Rendered {
  readonly first: string;
  readonly rest: readonly string[];
}

export interface Site {
  readonly layout: YamlLayout;
  /** The column of the key or dash that the value belongs to; -`step` at the root. */
  readonly column: number;
  /** Whether the value follows a dash, so that its own first line can stand behind it. */
  readonly dash?: boolean;
  readonly style?: Style;
}

export function renderBlock(value: Value, site: Site): Rendered {
  const { layout, column } = site;
  const inner = column + layout.step;
  if (isLiteral(value)) return renderLiteral(value, inner);
  if (isMap(value) && Object.keys(value).length > 0) {
    const indent = site.dash ? column + 2 : inner;
    return below(
      site,
      Object.entries(value).flatMap(([key, item]) => memberLines(key, item, { layout, column: indent })),
    );
  }
  if (isList(value) && value.length > 0) {
    const indent = site.dash ? column + 2 : column < 0 ? 0 : column + layout.listStep;
    return below(
      site,
      value.flatMap((item) => itemLines(item, { layout, column: indent })),
    );
  }
  if (typeof value !== "string") return { first: renderFlow(value), rest: [] };
  const style = site.style ?? (value.includes("\n") ? "literal" : "plain");
  const block = layout.blocks && (style === "literal" || style === "folded") ? blockText(value, style) : undefined;
  if (!block) return { first: stringText(value, style, false), rest: [] };
  return { first: block.header, rest: indented(block.lines, Math.max(inner, 1)) };
}

/** Behind a dash the first line moves up: `- a: 1`. */
function below({ dash, column }: Site, lines: readonly string[]): Rendered {
  const [first = "", ...rest] = lines;
  return dash ? { first: first.slice(column + 2), rest } : { first: "", rest: lines };
}

export function memberLines(key: string, value: Value, site: Site, keyStyle: Style = "plain"): string[] {
  const { first, rest } = renderBlock(value, site);
  const name = stringText(key, keyStyle, false);
  return [" ".repeat(site.column) + (first === "" ? `${name}:` : `${name}: ${first}`), ...rest];
}

export function itemLines(value: Value, site: Site): string[] {
  const { first, rest } = renderBlock(value, { ...site, dash: true });
  return [`${" ".repeat(site.column)}- ${first}`, ...rest];
}

/** A value on one line, as inside brackets. */
export function renderFlow(value: Value, style: Style = "plain"): string {
  if (isLiteral(value)) return `${value.tag} ${value.text}`.trimEnd();
  if (isList(value)) return `[${value.map((item) => renderFlow(item)).join(", ")}]`;
  if (isMap(value)) {
    const members = Object.entries(value).map(([key, item]) => flowMember(key, item));
    return `{${members.join(", ")}}`;
  }
  if (typeof value === "string") return stringText(value, style, true);
  return typeof value === "number" || typeof value === "bigint" ? numberText(value) : String(value);
}

export function flowMember(key: string, value: Value, keyStyle: Style = "plain"): string {
  return `${stringText(key, keyStyle, true)}: ${renderFlow(value)}`;
}

function renderLiteral({ tag, text }: Literal, indent: number): Rendered {
  const lines = text.split("\n");
  const block = lines.length > 1 || /^- |: |:$/.test(text);
  const below = block && isBlockCollection(parseDocument(text, { logLevel: "silent" }).contents);
  if (below) return { first: tag, rest: indented(lines, indent) };
  const [first = "", ...rest] = lines;
  return { first: `${tag} ${first}`.trimEnd(), rest: indented(rest, indent) };
}

function indented(lines: readonly string[], columns: number): string[] {
  return lines.map((line) => (line === "" ? "" : " ".repeat(columns) + line));
}

/** The layout that the document's first nested collections show. */
export function layoutOf(text: string, document: Document.Parsed, blocks: boolean): YamlLayout {
  let step: number | undefined;
  let listStep: number | undefined;
  const column = (node: Node): number => (node.range?.[0] ?? 0) - lineStart(text, node.range?.[0] ?? 0);
  visit(document, {
    Pair: (_, pair) => {
      const { key, value } = pair as YamlPair;
      if (value === null || !isBlockCollection(value)) return undefined;
      if (isMapNode(value)) step ??= column(value) - column(key);
      else listStep ??= column(value) - column(key);
      return step !== undefined && listStep !== undefined ? visit.BREAK : undefined;
    },
  });
  const columns = Math.max(step ?? 2, 1);
  return { step: columns, listStep: Math.max(listStep ?? columns, 0), blocks };
}
