import { isList, isLiteral, isMap, type Value } from "../core/value.js";
import { parseJson, parseNumber, stringifyJson } from "./json.js";

/*
 * Stores that hold nothing but text: a scalar is written bare, a map or a list as JSON, and what is read back is typed by
 * its looks, on both sides of a comparison alike: `5432`, `"5432"` and the text 5432 are one value.
 */

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?(e[+-]\d+)?$/;

/** The text as a value. Only the exact way in which a number or truth value is written counts: `1.50`, `007`, `yes` are texts. */
export function readUntyped(text: string): Value {
  if (text === "true") return true;
  if (text === "false") return false;
  // No number that can be held is longer than this, and most texts are no numbers.
  if (text.length <= 400 && NUMBER.test(text)) {
    if (!Number.isFinite(Number(text)) && /[.e]/.test(text)) return text;
    const number = parseNumber(text);
    return String(number) === text ? number : text;
  }
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

/** The value as text; null has none, and is the store's to express. */
export function writeUntyped(value: Value): string {
  if (isList(value) || isMap(value) || isLiteral(value)) return unquoted(stringifyJson(value));
  return String(value);
}

/** A literal's JSON is a string; its bare text is what stands in the quotes. */
function unquoted(json: string): string {
  return json.startsWith('"') ? (JSON.parse(json) as string) : json;
}
