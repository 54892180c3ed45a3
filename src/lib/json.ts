import { parse as losslessParse, stringify as losslessStringify } from "lossless-json";
import { TrueupError } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import { isList, isLiteral, isMap, type Value } from "../core/value.js";

/**
 * JSON text as a tree, with integers past 2^53 exact (as bigint). A SyntaxError tells what is wrong, never what was written.
 * @throws SyntaxError; TrueupError DOCUMENT_TOO_LARGE beyond the limits of depth and size, DOCUMENT_UNREPRESENTABLE for 1e400.
 */
export function parseJson(text: string): Value {
  if (text.length > LIMITS.bytes) throw new TrueupError("DOCUMENT_TOO_LARGE", `JSON text of ${text.length} characters`);
  const depth = nesting(text);
  if (depth > LIMITS.depth) {
    throw new TrueupError("DOCUMENT_TOO_LARGE", `JSON nested ${depth} levels deep; the limit is ${LIMITS.depth}`);
  }
  try {
    return readJson(text);
  } catch (error) {
    // V8 quotes the text around the fault in its message: that may be a secret.
    if (error instanceof SyntaxError) throw new SyntaxError("the text is not valid JSON");
    throw error;
  }
}

/** As parseJson, without bounds: for what Trueup wrote itself. */
export function readJson(text: string): Value {
  // The built-in parser is several times faster and is exact for all but long digit runs and huge exponents.
  return (/\d{16}|[eE]\+?\d{3}/.test(text) ? losslessParse(text, null, parseNumber) : JSON.parse(text)) as Value;
}

/** A JSON number as the tree holds it: bigint where a double would round it. */
export function parseNumber(text: string): number | bigint {
  const value = Number(text);
  if (/^-?\d+$/.test(text)) return Number.isSafeInteger(value) ? value : BigInt(text);
  if (!Number.isFinite(value)) {
    throw new TrueupError("DOCUMENT_UNREPRESENTABLE", `the number ${text.slice(0, 40)} is too large to be held`);
  }
  return value;
}

/** The tree as JSON text; bigints keep all their digits, a literal is its text as a string. */
export function stringifyJson(value: Value, options: { space?: number } = {}): string {
  return losslessStringify(plain(value), undefined, options.space) ?? "null";
}

function plain(value: Value): Value {
  if (isLiteral(value)) return value.tag.startsWith("!") ? `${value.tag} ${value.text}`.trimEnd() : value.text;
  if (isList(value)) return value.map(plain);
  if (!isMap(value)) return typeof value === "number" ? exact(value) : value;
  const result = Object.create(null) as Record<string, Value>;
  for (const [key, item] of Object.entries(value)) result[key] = plain(item);
  return result;
}

/** JavaScript writes 2^60 as 1152921504606847000: read again as an integer, that is another number. */
export function exact(value: number): number | bigint {
  return Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 1e21 ? BigInt(value) : value;
}

/** How deep the brackets of a JSON text nest; cheap, and not recursive: to be asked before any parser. */
export function nesting(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (inString) {
      if (code === 0x5c) index += 1;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x7b || code === 0x5b) deepest = Math.max(deepest, (depth += 1));
    else if (code === 0x7d || code === 0x5d) depth -= 1;
  }
  return deepest;
}
