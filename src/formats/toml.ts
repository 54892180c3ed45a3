import { TrueupError } from "../core/errors.js";
import { child, parsePointer, type Pointer } from "../core/pointer.js";
import { equal, isList, isLiteral, isMap, literal, mapOf, type Value, type ValueMap } from "../core/value.js";
import type { Format, Parsed } from "./format.js";
import { revise } from "./revision.js";
import { unrepresentable } from "./strings.js";
import { applySplices, open, positions, type Source } from "./text.js";
import { rewrite } from "./toml/rewrite.js";
import { canonicalDate, floatText, readToml } from "./toml/tree.js";

/**
 * TOML 1.1. Dates and times are literals (`toml:local-date` …) that keep their digits; so are inf and nan (`toml:float`),
 * for which JSON has no word. There is no null.
 */
export const toml: Format = {
  name: "TOML",
  extensions: [".toml"],
  parse: (text, { file }) => parse(open(text, file).source),
  edit: (text, edits, { file }) => {
    const { source, bom } = open(text, file);
    const document = readToml(source);
    const allowed = edits.map(({ path, value }) => ({ path, value: value === undefined ? value : admit(value, path) }));
    const { tree, lineages } = revise(document.value, allowed);
    if (equal(tree, document.value)) return text;
    const desired = tree as ValueMap; // admit lets only a map through at the root
    const splices = rewrite({ text: source.text, syntax: document.syntax(), lineages }, document.value, desired);
    const result = applySplices(source.text, splices);
    if (!holds({ text: result, file }, tree)) {
      throw new TrueupError("DOCUMENT_UNREPRESENTABLE", "the TOML document cannot be edited in place", {
        where: { file },
        hint: "Edit the file by hand and compare again.",
      });
    }
    return bom + result;
  },
  normalize: (value) => admit(value, []),
};

function parse(source: Source): Parsed {
  const document = readToml(source);
  const position = positions(source.text);
  return {
    value: document.value,
    position: (pointer) => {
      const node = document.syntax().at(parsePointer(pointer));
      return node && position(node.start);
    },
  };
}

function holds(source: Source, desired: Value): boolean {
  try {
    return equal(readToml(source).value, desired);
  } catch (error) {
    if (error instanceof TrueupError && error.code === "DOCUMENT_INVALID") return false;
    throw error;
  }
}

function admit(value: Value, path: readonly string[]): Value {
  if (path.length === 0 && !isMap(value)) throw unrepresentable("TOML", "", "the document is not a map");
  let at: Pointer = "";
  for (const segment of path) at = child(at, wellFormed(segment, at));
  return convert(value, at);
}

function convert(value: Value, at: Pointer): Value {
  if (value === null) throw unrepresentable("TOML", at, "there is no null", "Leave the key out.");
  if (typeof value === "string") return wellFormed(value, at);
  if (typeof value === "number" && !Number.isFinite(value)) return literal("toml:float", floatText(value));
  if (typeof value === "bigint" && BigInt.asIntN(64, value) !== value) {
    throw unrepresentable("TOML", at, "an integer has 64 bits", "Write it as a string.");
  }
  if (isLiteral(value)) {
    if (!value.tag.startsWith("toml:")) throw unrepresentable("TOML", at, `the literal ${value.tag} has no form`);
    return literal(value.tag, canonicalDate(value.text));
  }
  if (isList(value)) return value.map((item, index) => convert(item, child(at, String(index))));
  if (!isMap(value)) return value;
  return mapOf(Object.entries(value).map(([key, item]) => [key, convert(item, child(at, wellFormed(key, at)))]));
}

function wellFormed(text: string, at: Pointer): string {
  if (/\p{Surrogate}/u.test(text)) throw unrepresentable("TOML", at, "it holds half of a surrogate pair");
  return text;
}
