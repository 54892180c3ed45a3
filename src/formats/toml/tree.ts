import { TomlDate, TomlError, parse, type TomlTable, type TomlValue } from "smol-toml";
import { TrueupError } from "../../core/errors.js";
import { LIMITS } from "../../core/limits.js";
import { emptyMap, literal, type Literal, type Value, type ValueMap } from "../../core/value.js";
import { fault, type Source } from "../text.js";
import { locate, type Node, type Syntax } from "./syntax.js";

export interface TomlDocument {
  readonly value: ValueMap;
  /** The syntax tree, parsed when it is first asked for. */
  syntax(): Syntax;
}

/**
 * The values of a document, as smol-toml reads TOML 1.1. Integers are exact; dates, times, inf and nan are literals.
 * @throws DOCUMENT_INVALID, DOCUMENT_TOO_LARGE
 */
export function readToml(source: Source): TomlDocument {
  const table = parseTable(source);
  let located: Syntax | undefined;
  const syntax = (): Syntax => (located ??= locate(source));
  let nodes = 0;

  function convert(value: TomlValue, path: readonly (string | number)[]): Value {
    nodes += 1;
    if (path.length > LIMITS.depth) throw tooLarge(source, `nested more than ${LIMITS.depth} levels deep`);
    if (nodes > LIMITS.nodes) throw tooLarge(source, `of more than ${LIMITS.nodes} values`);
    if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
    if (typeof value === "number") return Number.isFinite(value) ? value : notFinite(value, syntax().at(path));
    if (typeof value !== "object") return value;
    if (value instanceof TomlDate) return dateLiteral(syntax().at(path));
    if (Array.isArray(value)) return value.map((item, index) => convert(item, [...path, index]));
    return convertTable(value, path);
  }

  function notFinite(value: number, node: Node | undefined): Literal {
    const number = node?.kind === "scalar" && node.content.kind === "float" ? node.content.number : "inf";
    if (/\d/.test(number)) throw fault(source, node?.start ?? 0, "the number is too large to be held");
    return literal("toml:float", floatText(value));
  }

  function convertTable(map: TomlTable, path: readonly (string | number)[]): ValueMap {
    const result = emptyMap();
    for (const [key, item] of Object.entries(map)) result[key] = convert(item, [...path, key]);
    return result;
  }

  return { value: convertTable(table, []), syntax };
}

function parseTable(source: Source): TomlTable {
  try {
    return parse(source.text, { integersAsBigInt: true, maxDepth: LIMITS.depth });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    if (error.message.includes("excessively nested"))
      throw tooLarge(source, `nested more than ${LIMITS.depth} levels deep`);
    // Only the first line: what follows quotes the document, which may hold secrets.
    const reason = error.message.split("\n", 1)[0]?.replace(/^Invalid TOML document: /, "") ?? "invalid";
    throw new TrueupError("DOCUMENT_INVALID", `the text is not valid TOML: ${reason}`, {
      where: { file: source.file, line: error.line, column: error.column },
    });
  }
}

function tooLarge({ file }: Source, what: string): TrueupError {
  return new TrueupError("DOCUMENT_TOO_LARGE", `the document is a TOML text ${what}`, { where: { file } });
}

export function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  return value < 0 ? "-inf" : "inf";
}

function dateLiteral(node: Node | undefined): Literal {
  const content = node?.kind === "scalar" ? node.content : undefined;
  if (!content || !("datetime" in content))
    throw new TrueupError("INTERNAL", "the two readers of TOML disagree on a date");
  return literal(`toml:${content.kind}`, canonicalDate(content.datetime));
}

/** `1979-05-27 07:32:00z` is `1979-05-27T07:32:00Z`: one spelling, so that equal moments compare equal. */
export function canonicalDate(text: string): string {
  return text.replace(/[ t]/, "T").replace(/z$/, "Z");
}
