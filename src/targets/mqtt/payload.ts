import { isUtf8 } from "node:buffer";
import { TrueupError } from "../../core/errors.js";
import { isList, isLiteral, isMap, literal, type Value } from "../../core/value.js";
import { parseJson, stringifyJson } from "../../lib/json.js";
import { readUntyped, writeUntyped } from "../../lib/untyped.js";

/**
 * How a payload is read and written.
 * - `auto`: a map or list is JSON, a scalar is bare text. Text has no types, so text that is exactly how a number, boolean
 *   or null is written reads as that: `"21.5"` in git and `21.5` on the broker are equal, `21.50` is a string.
 * - `json`: every payload is JSON.
 * - `text`: every payload is a string.
 */
export type PayloadMode = "auto" | "json" | "text";

const BINARY = "mqtt:binary";
const MALFORMED = "mqtt:text";

/**
 * The value of a payload. What is not UTF-8, or not JSON where JSON is due, is an opaque literal and no error: a stranger's
 * binary topic beside ours must not make the whole target unreadable, and on one of ours it is drift, which can be healed.
 */
export function decodePayload(payload: Buffer, mode: PayloadMode): Value {
  if (!isUtf8(payload)) return literal(BINARY, payload.toString("base64"));
  const text = payload.toString("utf8");
  if (mode === "text") return text;
  if (mode === "json") return attempt(() => parseJson(text), literal(MALFORMED, text));
  return text === "null" ? null : attempt(() => readUntyped(text), text);
}

/** The payload that `decodePayload` reads as the value. @throws TrueupError DOCUMENT_UNREPRESENTABLE */
export function encodePayload(value: Value, mode: PayloadMode): Buffer {
  if (isLiteral(value) && value.tag === BINARY) return Buffer.from(value.text, "base64");
  const text = isLiteral(value) && value.tag === MALFORMED ? value.text : write(value, mode);
  if (text === "") {
    throw new TrueupError("DOCUMENT_UNREPRESENTABLE", "an empty payload cannot be retained: to MQTT it means removal", {
      hint: "leave the topic out, or use `payload: json`, which writes the empty string as two quotes",
    });
  }
  return Buffer.from(text, "utf8");
}

function write(value: Value, mode: PayloadMode): string {
  if (!isFinitely(value)) throw new TrueupError("DOCUMENT_UNREPRESENTABLE", "JSON has no infinity and no NaN");
  if (mode === "json") return stringifyJson(value);
  if (mode === "text" && (isMap(value) || isList(value))) {
    throw new TrueupError("DOCUMENT_UNREPRESENTABLE", "`payload: text` holds no maps and no lists", {
      hint: "use `payload: auto` or `payload: json`, or write the payload as one string",
    });
  }
  return writeUntyped(value);
}

function isFinitely(value: Value): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (isList(value)) return value.every(isFinitely);
  return !isMap(value) || Object.values(value).every(isFinitely);
}

/** Not JSON, or beyond the bounds of a document: no reason to fail either. */
function attempt(read: () => Value, otherwise: Value): Value {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
