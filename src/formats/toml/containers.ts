import type { AST } from "toml-eslint-parser";
import type { Value } from "../../core/value.js";
import { bracketedSplices } from "../bracketed.js";
import { aboveComments, insertLines, lineEnd, lineStart, type Splice } from "../text.js";
import type { Container } from "./syntax.js";
import { writeValue } from "./write.js";

/** The entries that come into and go out of one container; a key is as it is written, dots and all. */
export interface Turnover {
  readonly removed: Set<AST.TOMLKeyValue>;
  readonly added: (readonly [key: string, value: Value])[];
}

export interface Page {
  readonly text: string;
  /** The text with the insides of its comments blanked: commas in there separate nothing. */
  readonly masked: string;
  readonly eol: string;
}

export const COMMENT = /^[ \t]*#/;

export function containerSplices(page: Page, container: Container, turnover: Turnover): Splice[] {
  if (container.type === "TOMLInlineTable") return inlineSplices(page, container, turnover);
  return sectionSplices(page, container, turnover);
}

function inlineSplices({ text, masked, eol }: Page, container: AST.TOMLInlineTable, turnover: Turnover): Splice[] {
  const { removed, added } = turnover;
  const [start, end] = container.range;
  const items = container.body.map(({ range }) => ({ start: range[0], end: range[1] }));
  const texts = added.map(([key, value]) => `${key} = ${writeValue(value, { eol })}`);
  if (removed.size === items.length && !/[\r\n]/.test(text.slice(start, end))) {
    return [{ start, end, text: texts.length === 0 ? "{}" : `{ ${texts.join(", ")} }` }];
  }
  const brackets = { open: start + 1, close: end - 1, items, spacing: " " };
  return bracketedSplices(masked, brackets, {
    removed: new Set([...removed].map((entry) => container.body.indexOf(entry))),
    inserted: texts.map((entry) => ({ after: items.length - 1, text: entry })),
  });
}

type Section = AST.TOMLTopLevelTable | AST.TOMLTable;

function sectionSplices({ text, eol }: Page, section: Section, { removed, added }: Turnover): Splice[] {
  const removals = [...removed].map(({ range }) => ({
    start: lineStart(text, range[0]),
    end: lineEnd(text, range[1]),
    text: "",
  }));
  if (added.length === 0) return removals;
  const last = lastEntry(section.body);
  const indent = last ? text.slice(lineStart(text, last.range[0]), last.range[0]) : "";
  const between = last ? text.slice(last.key.range[1], last.value.range[0]) : " = ";
  // The style of the line before, but not its alignment: only one space on either side.
  const separator = between.replace(/[ \t]+/g, " ");
  const lines = added.map(([key, value]) => `${indent}${key}${separator}${writeValue(value, { eol })}`);
  return [...removals, insertEntries(text, { section, last, lines })];
}

interface Insertion {
  readonly section: Section;
  readonly last: AST.TOMLKeyValue | undefined;
  readonly lines: readonly string[];
}

function insertEntries(text: string, { section, last, lines }: Insertion): Splice {
  if (last) return insertLines(text, lineEnd(text, last.range[1]), lines);
  if (section.type === "TOMLTable") return insertLines(text, lineEnd(text, section.key.range[1]), lines);
  const [header] = section.body;
  if (header === undefined) return insertLines(text, text.length, lines);
  return insertLines(text, aboveComments(text, header.range[0], COMMENT), [...lines, ""]);
}

function lastEntry(body: readonly (AST.TOMLKeyValue | AST.TOMLTable)[]): AST.TOMLKeyValue | undefined {
  return body.findLast((item) => item.type === "TOMLKeyValue");
}

/** See `masked`. */
export function maskComments(text: string, comments: readonly AST.Comment[]): string {
  const parts: string[] = [];
  let cursor = 0;
  for (const { range } of comments) {
    parts.push(text.slice(cursor, range[0] + 1), "-".repeat(range[1] - range[0] - 1));
    cursor = range[1];
  }
  return parts.join("") + text.slice(cursor);
}
