import { parseTree, printParseErrorCode, type Node, type ParseError } from "jsonc-parser";
import { TrueupError } from "../../core/errors.js";
import { LIMITS } from "../../core/limits.js";
import { emptyMap, type Value } from "../../core/value.js";
import { nesting, parseNumber } from "../../lib/json.js";
import { fault, type Source } from "../text.js";

export type JsonNode = Node;

export interface JsonReading {
  readonly root: Node;
  readonly value: Value;
}

/**
 * A strict JSON text (without BOM) as a tree, with the nodes that it came from.
 * @throws DOCUMENT_INVALID or DOCUMENT_TOO_LARGE with the place.
 */
export function readJson(source: Source): JsonReading {
  const depth = nesting(source.text);
  if (depth > LIMITS.depth) {
    throw new TrueupError("DOCUMENT_TOO_LARGE", `${depth} levels of nesting; the limit is ${LIMITS.depth}`, {
      where: { file: source.file },
    });
  }
  const errors: ParseError[] = [];
  const root = parseTree(source.text, errors, { disallowComments: true, allowTrailingComma: false });
  const [error] = errors;
  if (error) throw fault(source, error.offset, ...(FAULTS[printParseErrorCode(error.error)] ?? UNKNOWN_FAULT));
  if (!root) throw fault(source, source.text.length, "the document is empty", 'An empty document is written "{}".');
  return { root, value: valueOf(root, source) };
}

/** The key and value nodes of an object's members. */
export function* membersOf(object: Node): Generator<readonly [key: Node, value: Node]> {
  for (const property of object.children ?? []) {
    const [key, value] = property.children ?? [];
    if (key && value) yield [key, value];
  }
}

function valueOf(node: Node, source: Source): Value {
  if (node.type === "array") return (node.children ?? []).map((item) => valueOf(item, source));
  if (node.type === "object") {
    const map = emptyMap();
    for (const [key, value] of membersOf(node)) {
      const name = key.value as string;
      if (Object.hasOwn(map, name)) throw fault(source, key.offset, `duplicate key ${JSON.stringify(name)}`);
      map[name] = valueOf(value, source);
    }
    return map;
  }
  if (node.type !== "number") return node.value as string | boolean | null;
  const digits = source.text.slice(node.offset, node.offset + node.length);
  if (!Number.isFinite(node.value)) throw fault(source, node.offset, "the number is too large to be held");
  return parseNumber(digits);
}

/** What each fault is called; jsonc-parser's names for them, for `printParseErrorCode` is what it exports at run time. */
const FAULTS: Readonly<Record<string, readonly [message: string, hint?: string]>> = {
  InvalidCommentToken: ["a comment, which JSON does not have", "Remove it, or keep the document as YAML."],
  UnexpectedEndOfComment: ["a comment, which JSON does not have", "Remove it, or keep the document as YAML."],
  PropertyNameExpected: ["a name in double quotes was expected", "JSON allows no comma after the last member."],
  ValueExpected: ["a value was expected", "JSON allows no comma after the last element."],
  ColonExpected: ['":" was expected'],
  CommaExpected: ['"," was expected'],
  CloseBraceExpected: ['"}" was expected'],
  CloseBracketExpected: ['"]" was expected'],
  EndOfFileExpected: ["more text after the end of the document"],
  UnexpectedEndOfString: ["a string is not closed on its line"],
  InvalidNumberFormat: ["not a JSON number"],
  UnexpectedEndOfNumber: ["not a JSON number"],
  InvalidUnicode: ["not a JSON escape"],
  InvalidEscapeCharacter: ["not a JSON escape"],
  InvalidCharacter: ["a character that JSON does not allow here"],
  InvalidSymbol: ["neither a JSON value nor a string in double quotes"],
};
const UNKNOWN_FAULT = ["the text is not valid JSON here"] as const;
