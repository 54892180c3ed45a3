import { TrueupError } from "../../core/errors.js";
import { isList, isMap, mapOf, type Document, type Value } from "../../core/value.js";
import { parseJson, stringifyJson } from "../../lib/json.js";
import { readUntyped, writeUntyped } from "../../lib/untyped.js";

/** How the value column holds a value. SQL NULL is null in both. */
export type Codec = "json" | "text";

/** By the object id of the column's type, which every result tells: it is right even after an ALTER TABLE. */
const CODECS: Readonly<Record<number, Codec>> = { 114: "json", 3802: "json", 25: "text", 1043: "text" };

export function codecOf(typeId: number | undefined): Codec {
  const codec = typeId === undefined ? undefined : CODECS[typeId];
  if (codec === undefined) {
    throw new TrueupError("TARGET_INVALID", "the value column is neither jsonb, json nor text", {
      hint: "name another column as the target's `value`, or change the column's type to jsonb",
    });
  }
  return codec;
}

/** @throws LIVE_INVALID where the row holds what no tree can: a number past every double, deeper nesting than the limits */
export function decode(codec: Codec, key: string, text: string | null): Value {
  if (text === null) return null;
  try {
    return codec === "json" ? parseJson(text) : readUntyped(text);
  } catch (error) {
    const why = error instanceof TrueupError ? error.message : "it is not valid JSON";
    throw new TrueupError("LIVE_INVALID", `row "${key}" cannot be read: ${why}`, {
      hint: "correct or remove the row in the database",
    });
  }
}

export function encode(codec: Codec, value: Value): string | null {
  if (codec === "json") return stringifyJson(value);
  return value === null ? null : writeUntyped(value);
}

/** @throws DOCUMENT_UNREPRESENTABLE for NaN and infinity in JSON */
export function normalizeRows(codec: Codec, document: Document): Document {
  return mapOf(Object.entries(document).map(([key, value]) => [key, normalizeRow(codec, key, value)] as const));
}

function normalizeRow(codec: Codec, key: string, value: Value): Value {
  if (codec === "json") requireFinite(key, value);
  return decode(codec, key, encode(codec, value));
}

function requireFinite(key: string, value: Value): void {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new TrueupError("DOCUMENT_UNREPRESENTABLE", `row "${key}" holds a number that JSON cannot write`, {
      hint: "write it as a string",
    });
  }
  if (isList(value)) for (const item of value) requireFinite(key, item);
  else if (isMap(value)) for (const item of Object.values(value)) requireFinite(key, item);
}
