import { lineFormat, type Assignment } from "./lines.js";
import { fault, type Source } from "./text.js";

/**
 * Java properties, as `java.util.Properties` reads and writes them: `=`, `:` or a blank after the key, comments that begin
 * with `#` or `!`, a backslash that continues the line, `\uXXXX`. Keys are flat, dots and all. Text beyond ASCII is written
 * as UTF-8, as Java reads it through a Reader, not as the `\uXXXX` that its old ISO 8859-1 streams need; both are read.
 */
export const properties = lineFormat({
  name: "properties",
  extensions: [".properties"],
  scan: (source) => [{ name: undefined, nameStart: 0, start: 0, end: source.text.length, assignments: scan(source) }],
  assignment: (key, value, like) => {
    const style = like?.text.slice(like.keyEnd, like.valueStart).replace(/[ \t\f]+/g, " ") ?? "";
    // A blank separates, too, but not from a key that is empty.
    const separator = key !== "" && /^(?: ?[=:] ?| )$/.test(style) ? style : "=";
    return writeKey(key) + separator + writeValue(value);
  },
  replacement: (value, old) => (old.text.slice(old.keyEnd, old.valueStart) || "=") + writeValue(value),
});

const BLANK = /[ \t\f]/;
const BREAK = /\r\n|\n|\r/y;

/** The length of the line break at that offset: Java takes a lone carriage return for one, too. */
function breakAt(text: string, at: number): number {
  BREAK.lastIndex = at;
  return BREAK.exec(text)?.[0].length ?? 0;
}

function scan(source: Source): Assignment[] {
  const { text } = source;
  const assignments: Assignment[] = [];
  let at = 0;
  while (at < text.length) {
    const start = at;
    while (BLANK.test(text.charAt(at))) at += 1;
    if (text[at] === "#" || text[at] === "!") {
      while (at < text.length && breakAt(text, at) === 0) at += 1;
    } else if (at < text.length && breakAt(text, at) === 0) {
      const key = readToken(source, at, "key");
      const valueStart = separatorEnd(text, key.end);
      const value = readToken(source, valueStart, "value");
      const end = value.end + breakAt(text, value.end);
      const places = { keyStart: at, keyEnd: key.end, valueStart, valueEnd: value.end };
      assignments.push({ key: key.text, value: value.text, ...places, start, end });
      at = end;
      continue;
    }
    at += breakAt(text, at);
  }
  return assignments;
}

/** Where the value begins: after blanks, at most one `=` or `:`, and blanks; continued lines in between count as blanks. */
function separatorEnd(text: string, from: number): number {
  let at = skipBlanks(text, from);
  if (text[at] === "=" || text[at] === ":") at = skipBlanks(text, at + 1);
  return at;
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  for (;;) {
    if (BLANK.test(text.charAt(at))) at += 1;
    else if (text[at] === "\\" && breakAt(text, at + 1) > 0) at += 1 + breakAt(text, at + 1);
    else return at;
  }
}

const ESCAPES: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", f: "\f" };

/** Reads a key up to its separator, or a value up to the end of the line, with escapes and continued lines resolved. */
function readToken(source: Source, from: number, kind: "key" | "value"): { text: string; end: number } {
  const { text } = source;
  const parts: string[] = [];
  let at = from;
  while (at < text.length && breakAt(text, at) === 0) {
    const char = text.charAt(at);
    if (kind === "key" && /[=: \t\f]/.test(char)) break;
    if (char !== "\\") {
      parts.push(char);
      at += 1;
      continue;
    }
    const continued = breakAt(text, at + 1);
    const code = text.charAt(at + 1);
    if (continued > 0) {
      at += 1 + continued;
      while (BLANK.test(text.charAt(at))) at += 1;
    } else if (code === "u") {
      const digits = text.slice(at + 2, at + 6);
      if (!/^[0-9A-Fa-f]{4}$/.test(digits)) throw fault(source, at, "`\\u` needs four hexadecimal digits");
      parts.push(String.fromCharCode(parseInt(digits, 16)));
      at += 6;
    } else {
      parts.push(ESCAPES[code] ?? code);
      at += 2;
    }
  }
  return { text: parts.join(""), end: Math.min(at, text.length) };
}

function writeKey(key: string): string {
  return escapeControls(key).replace(/[ =:#!]/g, "\\$&");
}

/** Blanks are data but for the leading ones; `=` and `:` too, which Java escapes needlessly, except after a bare blank. */
function writeValue(value: string): string {
  return escapeControls(value)
    .replace(/^ +/, (blanks) => blanks.replaceAll(" ", "\\ "))
    .replace(/^[=:]/, "\\$&");
}

const NAMED: Readonly<Record<string, string>> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\f": "\\f" };

function escapeControls(text: string): string {
  return text.replace(/[\\\p{Cc}]/gu, (char) => {
    return NAMED[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0").toUpperCase()}`;
  });
}
