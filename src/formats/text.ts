import { Buffer } from "node:buffer";
import { TrueupError, type Position } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";

const BOM = "\uFEFF";

/** A text without its BOM, and its name for errors: they tell the place, and never what is written there. */
export interface Source {
  readonly text: string;
  readonly file: string;
}

/** The document without its BOM. @throws DOCUMENT_TOO_LARGE */
export function open(text: string, file: string): { source: Source; bom: string } {
  checkSize({ text, file });
  const bom = text.startsWith(BOM) ? BOM : "";
  return { source: { text: text.slice(bom.length), file }, bom };
}

/** @throws DOCUMENT_TOO_LARGE */
function checkSize({ text, file }: Source): void {
  const bytes = Buffer.byteLength(text);
  if (bytes <= LIMITS.bytes) return;
  throw new TrueupError("DOCUMENT_TOO_LARGE", `the document has ${bytes} bytes; the limit is ${LIMITS.bytes}`, {
    where: { file },
    hint: "Split it into several files.",
  });
}

/** One replacement in a text: the characters from `start` up to `end` become `text`. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * Applies splices that are in terms of the same text. Removals may overlap; what is inserted at one offset keeps its order.
 * A text without a final newline gets none.
 */
export function applySplices(text: string, splices: readonly Splice[]): string {
  if (splices.length === 0) return text;
  const parts: string[] = [];
  let cursor = 0;
  for (const splice of splices.toSorted((a, b) => a.start - b.start)) {
    if (splice.start > cursor) parts.push(text.slice(cursor, splice.start));
    parts.push(splice.text);
    cursor = Math.max(cursor, splice.end);
  }
  const result = parts.join("") + text.slice(cursor);
  return text === "" || /[\r\n]$/.test(text) ? result : result.replace(/\r?\n$/, "");
}

/** Whole new lines at a place where a line begins, or at the end of a text that lacks its final newline. */
export function insertLines(text: string, at: number, lines: readonly string[]): Splice {
  const eol = lineEnding(text);
  const atLineStart = at === 0 || /[\n\r]/.test(text.charAt(at - 1));
  const written = lines.join(eol);
  return { start: at, end: at, text: atLineStart ? written + eol : eol + written };
}

/** Whether what is added after this text needs no blank line to be set apart. */
export function endsApart(text: string): boolean {
  return text === "" || /^[ \t]*\r?\n$/.test(text.slice(lineStart(text, text.length - 1)));
}

/** The line ending of the text's first line; a newline where it has none. */
export function lineEnding(text: string): "\n" | "\r\n" {
  const newline = text.indexOf("\n");
  return newline > 0 && text.charAt(newline - 1) === "\r" ? "\r\n" : "\n";
}

/** Where the line that holds `offset` begins. */
export function lineStart(text: string, offset: number): number {
  return offset === 0 ? 0 : text.lastIndexOf("\n", offset - 1) + 1;
}

/** Where the line that holds `offset` ends, its line ending included. */
export function lineEnd(text: string, offset: number): number {
  const newline = text.indexOf("\n", offset);
  return newline === -1 ? text.length : newline + 1;
}

/** The lines of a whole section, with the blank ones that set it apart from what comes before (or after, at the top). */
export function sectionLines(text: string, from: number, to: number): Splice {
  let start = lineStart(text, from);
  let end = lineEnd(text, to);
  const blank = (first: number, last: number): boolean => text.slice(first, last).trim() === "";
  while (start > 0 && blank(lineStart(text, start - 1), start)) start = lineStart(text, start - 1);
  if (start === 0) while (end < text.length && blank(end, lineEnd(text, end))) end = lineEnd(text, end);
  return { start, end, text: "" };
}

/** The start of the comment lines that stand right above the line at `offset`, without a blank line between. */
export function aboveComments(text: string, offset: number, comment: RegExp): number {
  let start = lineStart(text, offset);
  while (start > 0) {
    const previous = lineStart(text, start - 1);
    if (!comment.test(text.slice(previous, start))) break;
    start = previous;
  }
  return start;
}

/** Without its trailing blanks. A loop, because a regular expression takes quadratic time for them. */
export function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && (text[end - 1] === " " || text[end - 1] === "\t")) end -= 1;
  return text.slice(0, end);
}

/** Turns offsets into positions. */
export function positions(text: string): (offset: number) => Position {
  let starts: number[] | undefined;
  return (offset) => {
    starts ??= lineStarts(text);
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  };
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

export function fault({ text, file }: Source, offset: number, message: string, hint?: string): TrueupError {
  return new TrueupError("DOCUMENT_INVALID", message, { where: { file, ...positions(text)(offset) }, hint });
}
