import type { Edit } from "../core/change.js";
import { TrueupError } from "../core/errors.js";
import { child, parsePointer, type Pointer } from "../core/pointer.js";
import { emptyMap, equal, isList, isLiteral, isMap, type Value } from "../core/value.js";
import type { Format, Parsed, ParseOptions } from "./format.js";
import { jsonSplices } from "./json/edit.js";
import { membersOf, readJson, type JsonNode } from "./json/read.js";
import { renderJson, styleOf } from "./json/render.js";
import { revise } from "./revision.js";
import { unrepresentable } from "./strings.js";
import { applySplices, open, positions } from "./text.js";

/** Strict JSON (RFC 8259): no comments, no trailing commas, no duplicate keys; integers keep all their digits. */
export const json: Format = { name: "JSON", extensions: [".json"], parse, edit, normalize };

function parse(text: string, { file }: ParseOptions): Parsed {
  const { source } = open(text, file);
  const { root, value } = readJson(source);
  const positionOf = positions(source.text);
  return {
    value,
    position: (pointer) => {
      const offset = locate(root, parsePointer(pointer));
      return offset === undefined ? undefined : positionOf(offset);
    },
  };
}

function locate(root: JsonNode, segments: readonly string[]): number | undefined {
  let at: JsonNode | undefined = root;
  let key: JsonNode | undefined;
  for (const segment of segments) {
    const [name, value]: readonly (JsonNode | undefined)[] = step(at, segment);
    if (!value) return undefined;
    key = name;
    at = value;
  }
  return at.children ? (key ?? at).offset : at.offset;
}

function step(at: JsonNode, segment: string): readonly [key?: JsonNode | undefined, value?: JsonNode | undefined] {
  if (at.type === "array") return [undefined, /^\d+$/.test(segment) ? at.children?.[Number(segment)] : undefined];
  if (at.type !== "object") return [];
  for (const [key, value] of membersOf(at)) if (key.value === segment) return [key, value];
  return [];
}

function edit(text: string, edits: readonly Edit[], { file }: ParseOptions): string {
  const { source, bom } = open(text, file);
  const reading = source.text.trim() === "" ? undefined : readJson(source);
  const before = reading?.value ?? emptyMap();
  const { tree, lineages } = revise(before, edits);
  const after = normalize(tree);
  if (equal(before, after)) return text;
  const style = styleOf(source.text);
  const result = reading
    ? applySplices(source.text, jsonSplices({ text: source.text, style, lineages }, reading.root, before, after))
    : renderJson(after, style, "") + style.eol;
  if (equal(readJson({ text: result, file }).value, after)) return bom + result;
  throw new TrueupError("DOCUMENT_UNREPRESENTABLE", "the document cannot be edited in place", {
    where: { file },
    hint: "Edit the file by hand and compare again.",
  });
}

function normalize(value: Value): Value {
  refuse(value, "");
  return value;
}

function refuse(value: Value | undefined, at: Pointer): void {
  if (value === undefined) throw unrepresentable("JSON", at, "it is undefined");
  if (isLiteral(value)) throw unrepresentable("JSON", at, `the literal ${value.tag} has no form`);
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw unrepresentable("JSON", at, "a number that is not finite has no form");
  }
  if (isList(value)) for (const [index, item] of value.entries()) refuse(item, child(at, String(index)));
  else if (isMap(value)) for (const [key, item] of Object.entries(value)) refuse(item, child(at, key));
}
