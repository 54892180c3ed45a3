import { lineFormat, type Assignment } from "./lines.js";
import { fault, lineEnd, trimEnd, type Source } from "./text.js";

/**
 * dotenv in one dialect, chosen so that what Trueup writes means the same to a shell (`set -a; . file`), to Docker Compose
 * and to the dotenv package of npm: `KEY=value`, with an optional `export`. Nothing is interpolated, `$` is data.
 *
 * - Unquoted: up to the end of the line, or to a `#` that follows a blank; backslashes are data.
 * - `'…'`: literal, over several lines too.
 * - `"…"`: over several lines too, with the escapes \n \r \t \" \\ \$ and \`; any other backslash is data.
 */
export const dotenv = lineFormat({
  name: "dotenv",
  extensions: [".env"],
  scan: (source) => [{ name: undefined, nameStart: 0, start: 0, end: source.text.length, assignments: scan(source) }],
  assignment: (key, value, like) => {
    const prefix = like ? /export[ \t]+$/.exec(like.text.slice(like.start, like.keyStart))?.[0] : undefined;
    return `${prefix ?? ""}${key}=${write(value, undefined)}`;
  },
  replacement: (value, old) => {
    const quoted = write(value, old.text[old.valueStart]);
    return old.text.slice(old.keyEnd, old.valueStart) + quoted;
  },
});

const BEGIN = /[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=/y;

function scan(source: Source): Assignment[] {
  const { text } = source;
  const assignments: Assignment[] = [];
  let end = 0;
  for (let start = end; start < text.length; start = end) {
    end = lineEnd(text, start);
    if (/^[ \t\r]*(#|\n|$)/.test(text.slice(start, end))) continue;
    BEGIN.lastIndex = start;
    const key = BEGIN.exec(text)?.[1];
    if (key === undefined) {
      const hint = "Write `KEY=value`; a key has letters, digits, `_`, `.` and `-`; a comment begins with `#`.";
      throw fault(source, start, "the line is neither a comment nor an assignment", hint);
    }
    const equals = BEGIN.lastIndex - 1;
    const keyEnd = trimEnd(text.slice(start, equals)).length + start;
    const value = readValue(source, equals + 1);
    end = lineEnd(text, value.valueEnd);
    assignments.push({ key, keyStart: keyEnd - key.length, keyEnd, ...value, start, end });
  }
  return assignments;
}

type ReadValue = Pick<Assignment, "value" | "valueStart" | "valueEnd">;

function readValue(source: Source, from: number): ReadValue {
  const { text } = source;
  let start = from;
  while (text[start] === " " || text[start] === "\t") start += 1;
  const quote = text[start];
  if (quote !== '"' && quote !== "'") return readBare(text, from, start);
  const end = closing(text, start, quote);
  if (end === undefined) {
    throw fault(source, start, "the quoted value is not closed", `End it with ${quote} at the end of the value.`);
  }
  const rest = text.slice(end, lineEnd(text, end)).replace(/\r?\n$/, "");
  if (!/^(?:[ \t]+#.*|[ \t]*)$/s.test(rest)) {
    throw fault(source, end, "there is text after the closing quote", "Quote the value as a whole.");
  }
  const inner = text.slice(start + 1, end - 1).replace(/\r\n?/g, "\n");
  return { value: quote === "'" ? inner : unescape(inner), valueStart: start, valueEnd: end };
}

function readBare(text: string, from: number, start: number): ReadValue {
  const line = text.slice(from, lineEnd(text, from)).replace(/\r?\n$/, "");
  const comment = line.search(/[ \t]#/);
  const value = trimEnd(comment === -1 ? line : line.slice(0, comment)).slice(start - from);
  // An empty value stands right after the `=`, so that what replaces it does not run into the comment.
  const valueStart = value === "" ? from : start;
  return { value, valueStart, valueEnd: valueStart + value.length };
}

/** The offset after the closing quote. */
function closing(text: string, start: number, quote: string): number | undefined {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === quote) return at + 1;
    if (quote === '"' && text[at] === "\\") at += 1;
  }
  return undefined;
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

function unescape(inner: string): string {
  return inner.replace(/\\([nrt"\\$`])/g, (_, code: string) => ESCAPES[code] ?? code);
}

/**
 * The value in the style it had, where that style holds it; else the plainest that every reader takes alike. Line breaks are
 * written as such: a shell knows no \n. Single quotes are left for values that end in a backslash, which the dotenv package
 * takes for an escaped quote. Double quotes with a `\` in them come last: shells and Compose unescape, the package does not.
 */
function write(value: string, style: string | undefined): string {
  const bare = /^[A-Za-z0-9_./:@%+,=-]*$/.test(value);
  const single = /^(?:[^'\r]*[^'\r\\])?$/.test(value);
  const double = /^[^"\\$`\r]*$/.test(value);
  if (bare && style !== '"' && style !== "'") return value;
  if (single && !(style === '"' && double)) return `'${value}'`;
  return `"${value.replace(/["\\$`]/g, "\\$&").replaceAll("\r", "\\r")}"`;
}
