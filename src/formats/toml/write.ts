import { parse } from "smol-toml";
import type { AST } from "toml-eslint-parser";
import { isList, isLiteral, isMap, type Value, type ValueMap } from "../../core/value.js";

/** How a value is to be written: as the one that it replaces was, where that style can hold it. */
export interface Style {
  readonly eol: string;
  readonly like?: AST.TOMLContentNode | undefined;
}

/** A value on the right of a `=`. */
export function writeValue(value: Value, style: Style): string {
  if (isList(value)) return `[${value.map((item) => writeValue(item, { eol: style.eol })).join(", ")}]`;
  if (isMap(value)) return writeInline(value, style.eol);
  if (isLiteral(value)) return value.text;
  if (typeof value === "string") return writeString(value, style);
  return typeof value === "number" ? writeNumber(value, style.like) : String(value);
}

function writeInline(map: ValueMap, eol: string): string {
  const entries = Object.entries(map).map(([key, value]) => `${writeKey([key])} = ${writeValue(value, { eol })}`);
  return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
}

/** TOML tells integers from floats: a float stays one, and a double past 2^53 is no integer with that many digits. */
function writeNumber(value: number, like: AST.TOMLContentNode | undefined): string {
  const text = Object.is(value, -0) ? "-0" : String(value);
  const float = !Number.isSafeInteger(value) || Object.is(value, -0) || isFloat(like);
  return float && /^-?\d+$/.test(text) ? `${text}.0` : text;
}

function isFloat(like: AST.TOMLContentNode | undefined): boolean {
  return like?.type === "TOMLValue" && like.kind === "float";
}

function writeString(value: string, { like, eol }: Style): string {
  const basic = `"${escape(value)}"`;
  if (like?.type !== "TOMLValue" || like.kind !== "string") return basic;
  const styled = writeLike(value, like, eol);
  return styled !== undefined && reads(styled, value) ? styled : basic;
}

function writeLike(value: string, like: AST.TOMLStringValue, eol: string): string | undefined {
  if (like.style === "literal" && !like.multiline) return `'${value}'`;
  if (!like.multiline) return undefined;
  const lines = value.split(/\r?\n/);
  if (like.style === "literal") return `'''${eol}${lines.join(eol)}'''`;
  return `"""${eol}${lines.map(escape).join(eol)}"""`;
}

/** A style holds a value when what it writes reads back as that value: no table of exceptions to get wrong. */
function reads(written: string, value: string): boolean {
  try {
    return parse(`x = ${written}`).x === value;
  } catch {
    return false;
  }
}

const NAMED: Readonly<Record<string, string>> = { "\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function escape(text: string): string {
  return text.replace(/["\\\p{Cc}]/gu, (char) => {
    return NAMED[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0").toUpperCase()}`;
  });
}

/** A key, dotted where it has several names. */
export function writeKey(names: readonly string[]): string {
  return names.map((name) => (/^[A-Za-z0-9_-]+$/.test(name) ? name : `"${escape(name)}"`)).join(".");
}

/** Whether a value that is new below a header gets a header of its own, too. */
export function takesHeader(value: Value): value is ValueMap | readonly ValueMap[] {
  return isMap(value) || (isList(value) && value.length > 0 && value.every(isMap));
}

/** The lines of a table with its subtables, or of an array of tables: entries first, then what has a header of its own. */
export function writeSections(path: readonly string[], value: ValueMap | readonly ValueMap[], eol: string): string[] {
  if (!isMap(value)) return joinBlocks(value.map((item) => writeSection(`[[${writeKey(path)}]]`, path, item, eol)));
  const entries = Object.entries(value);
  const implied = entries.length > 0 && entries.every(([, item]) => takesHeader(item));
  return writeSection(implied ? undefined : `[${writeKey(path)}]`, path, value, eol);
}

function writeSection(header: string | undefined, path: readonly string[], map: ValueMap, eol: string): string[] {
  const own: string[] = header === undefined ? [] : [header];
  const below: string[][] = [];
  for (const [key, value] of Object.entries(map)) {
    if (takesHeader(value)) below.push(writeSections([...path, key], value, eol));
    else own.push(`${writeKey([key])} = ${writeValue(value, { eol })}`);
  }
  return joinBlocks(own.length === 0 ? below : [own, ...below]);
}

function joinBlocks(blocks: readonly (readonly string[])[]): string[] {
  return blocks.flatMap((block, index) => (index === 0 ? block : ["", ...block]));
}
