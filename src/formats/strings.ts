import type { Edit } from "../core/change.js";
import { TrueupError } from "../core/errors.js";
import { child, formatPointer, type Pointer } from "../core/pointer.js";
import { isList, isLiteral, isMap, mapOf, type Value, type ValueMap } from "../core/value.js";

/**
 * The tree of a format whose values are all strings: numbers and booleans become their text. `levels` is how deep maps
 * may nest: 1 for dotenv and properties, 2 for INI.
 * @throws DOCUMENT_UNREPRESENTABLE for null, a list, a map that is too deep, or text that UTF-8 cannot hold.
 */
export function textTree(value: Value, format: string, levels: number): ValueMap {
  if (!isMap(value)) throw unrepresentable(format, "", "the document is not a map");
  return convertMap(value, { format, levels, at: "" });
}

/** The same for the value of one edit. */
export function textEdit({ path, value }: Edit, format: string, levels: number): Edit {
  if (value === undefined) return { path, value };
  if (path.length === 0) return { path, value: textTree(value, format, levels) };
  const at = formatPointer(path);
  for (const segment of path) checkText(segment, format, at);
  if (path.length > levels) throw unrepresentable(format, at, "a map does not fit there", FLAT);
  return { path, value: convert(value, { format, levels: levels - path.length, at }) };
}

interface Context {
  readonly format: string;
  readonly levels: number;
  readonly at: Pointer;
}

const FLAT = "Name each setting on its own.";

function convert(value: Value, context: Context): Value {
  return isMap(value) && context.levels > 0 ? convertMap(value, context) : textOf(value, context.format, context.at);
}

function convertMap(map: ValueMap, { format, levels, at }: Context): ValueMap {
  return mapOf(
    Object.entries(map).map(([key, value]) => {
      const pointer = child(at, checkText(key, format, at));
      return [key, convert(value, { format, levels: levels - 1, at: pointer })];
    }),
  );
}

function textOf(value: Value, format: string, at: Pointer): string {
  if (value === null) {
    throw unrepresentable(format, at, "null has no form", 'Write "" for an empty value, or leave the key out.');
  }
  if (isMap(value)) throw unrepresentable(format, at, "a map does not fit there", FLAT);
  if (isList(value)) throw unrepresentable(format, at, "a list has no form", "Write it as one string.");
  if (!isLiteral(value)) return checkText(String(value), format, at);
  if (value.tag.startsWith("!")) throw unrepresentable(format, at, `the tag ${value.tag} has no form`);
  return checkText(value.text, format, at);
}

/** Refuses half of a surrogate pair, which UTF-8 would make another character, and NUL, which ends a string in most readers. */
function checkText(text: string, format: string, at: Pointer): string {
  if (/[\p{Surrogate}\0]/u.test(text)) throw unrepresentable(format, at, "it holds NUL or half of a surrogate pair");
  return text;
}

export function unrepresentable(format: string, at: Pointer, why: string, hint?: string): TrueupError {
  return new TrueupError("DOCUMENT_UNREPRESENTABLE", `${format} cannot hold "${at}": ${why}`, { hint });
}
