import type { Scalar } from "yaml";
import { exact } from "../../lib/json.js";

/** How a string is written. `plain` is without quotes, the blocks are `|` and `>`. */
export type Style = "plain" | "single" | "double" | "literal" | "folded";

const STYLES: Readonly<Record<string, Style>> = {
  QUOTE_SINGLE: "single",
  QUOTE_DOUBLE: "double",
  BLOCK_LITERAL: "literal",
  BLOCK_FOLDED: "folded",
};

export function styleOf({ type }: Scalar): Style {
  return STYLES[type ?? ""] ?? "plain";
}

/**
 * A number as readers of YAML 1.1 and 1.2 both take it: 1.1 wants a point before an exponent, and integers in exponent form
 * are floats.
 */
export function numberText(value: number | bigint): string {
  if (typeof value === "bigint") return String(value);
  if (Number.isNaN(value)) return ".nan";
  if (!Number.isFinite(value)) return value < 0 ? "-.inf" : ".inf";
  return String(exact(value)).replace(/^(-?\d+)e/, "$1.0e");
}

/** The string on one line: in the style that is asked for where the string allows it, else in double quotes. */
export function stringText(value: string, style: Style, flow: boolean): string {
  if (style === "plain" && isPlain(value, flow)) return value;
  if (style === "single" && PRINTABLE.test(value)) return `'${value.replaceAll("'", "''")}'`;
  return JSON.stringify(value).replace(ESCAPED_BESIDE_JSON, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** One line of what every reader prints as it is. */
const PRINTABLE = /^[\x20-\x7E\xA0-\u2027\u202A-\uD7FF\uE000-\uFEFE\uFF00-\uFFFD\u{10000}-\u{10FFFF}]*$/u;
/** What JSON leaves as it is and YAML does not allow, or takes for a line break. */
const ESCAPED_BESIDE_JSON = /[\x7F-\x9F\u2028\u2029\uFEFF\uFFFE\uFFFF]/g;

/** Whether a reader of YAML 1.1 or of 1.2 takes the string without quotes, on a line of its own, for exactly that string. */
function isPlain(value: string, flow: boolean): boolean {
  return (
    PRINTABLE.test(value) &&
    !/^$|^\s|\s$|^[-?:,[\]{}#&*!|>'"%@`=]|: |:$| #/.test(value.replace(/^-(?=[A-Za-z])/, "")) &&
    !(flow && /[,[\]{}:?]/.test(value)) &&
    !AMBIGUOUS.some((pattern) => pattern.test(value))
  );
}

/** What one version or the other reads as a boolean, null, number, time or merge: https://yaml.org/type/ and YAML 1.2, 10.3. */
const AMBIGUOUS = [
  /^(y|yes|n|no|true|false|on|off|null|~)$/i,
  /^[-+]?\.(inf|nan)$/i,
  /^[-+]?0[box][0-9a-f_]+$/i,
  /^[-+]?[0-9][0-9_,]*(:[0-9_]+)*\.?[0-9_]*$/,
  /^[-+]?([0-9][0-9_]*)?\.?[0-9_]*(e[-+]?[0-9]+)?$/i,
  /^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}/,
  /^(<<|=|\.\.\.|---)/,
];

/** A block scalar's header and lines, not yet indented; undefined where the string has no such form. */
export function blockText(
  value: string,
  style: "literal" | "folded",
): { readonly header: string; readonly lines: readonly string[] } | undefined {
  const body = value.replace(/\n+$/, "");
  const ends = value.length - body.length;
  const lines = body.split("\n");
  // An indented first line would need an indentation indicator, which few people can read.
  if (/^[ \t]|^$/.test(body) || !lines.every((line) => BLOCK_LINE.test(line))) return undefined;
  const indented = lines.some((line) => /^[ \t]/.test(line));
  if (style === "folded" && indented) return undefined;
  const chomp = ends === 0 ? "-" : ends === 1 ? "" : "+";
  const blank = Array<string>(Math.max(0, ends - 1)).fill("");
  if (style === "literal") return { header: `|${chomp}`, lines: [...lines, ...blank] };
  // Folding makes a space of one line break, so that each run of them is written one longer.
  const folded = lines.flatMap((line, index) => (index > 0 && line !== "" ? ["", line] : [line]));
  return { header: `>${chomp}`, lines: [...folded, ...blank] };
}

/** Tabs are fine inside; a line of blanks alone would lose them. */
const BLOCK_LINE =
  /^$|^[\x20-\x7E\xA0-\u2027\u202A-\uD7FF\uE000-\uFEFE\uFF00-\uFFFD\u{10000}-\u{10FFFF}\t]*(?<![ \t])$/u;
