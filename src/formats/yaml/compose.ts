import { Composer, Lexer, Parser, type CST, type Document, type ErrorCode } from "yaml";
import { TrueupError } from "../../core/errors.js";
import { LIMITS } from "../../core/limits.js";
import { fault, positions, type Source } from "../text.js";

export type YamlDocument = Document.Parsed;

/**
 * One YAML document as nodes that know where they stand in the text (without BOM).
 * @throws DOCUMENT_INVALID or DOCUMENT_TOO_LARGE with the place.
 */
export function compose(source: Source): YamlDocument {
  const composer = new Composer({
    version: "1.2",
    schema: "core",
    // Merging, unknown tags and duplicate keys are read.ts's: the library's check of keys takes quadratic time, its merging
    // does not tell what was merged, and `!!binary` and `!!timestamp` are not of the core schema.
    merge: false,
    resolveKnownTags: false,
    uniqueKeys: false,
    intAsBigInt: true,
    keepSourceTokens: true,
    prettyErrors: false,
  });
  const [document, second] = composer.compose(tokens(source), true, source.text.length);
  if (second) {
    const hint = "Keep one document in a file: split it at the `---`.";
    throw fault(source, second.range[0], "a second YAML document in one file", hint);
  }
  if (!document) throw fault(source, 0, "the text holds no YAML document");
  const [error] = document.errors;
  if (error?.code === "MULTIPLE_DOCS") throw fault(source, error.pos[0], "a second YAML document in one file");
  if (error) throw fault(source, error.pos[0], FAULTS[error.code] ?? "the text is not valid YAML here");
  return document;
}

/** The parser keeps its own stack, the composer after it recurses: depth has to be bounded here, before it. */
function* tokens(source: Source): Generator<CST.Token> {
  const parser = new Parser();
  for (const lexeme of new Lexer().lex(source.text)) {
    yield* parser.next(lexeme);
    // Beside collections the stack holds the document and a scalar.
    if (parser.stack.length > LIMITS.depth + 2) throw tooLarge(source, TOO_DEEP, parser.offset);
  }
  yield* parser.end();
}

export const TOO_DEEP = `more than ${LIMITS.depth} levels of nesting`;

export function tooLarge({ text, file }: Source, message: string, offset: number): TrueupError {
  return new TrueupError("DOCUMENT_TOO_LARGE", message, { where: { file, ...positions(text)(offset) } });
}

/** In words of our own: the library's messages quote the text, and that may be a secret. */
const FAULTS: Partial<Record<ErrorCode, string>> = {
  ALIAS_PROPS: "an alias can have neither anchor nor tag",
  BAD_ALIAS: "an alias or anchor without a proper name",
  BAD_COLLECTION_TYPE: "the tag does not fit this kind of collection",
  BAD_DIRECTIVE: "an unknown or malformed `%` directive",
  BAD_DQ_ESCAPE: "an escape that double-quoted strings do not have",
  BAD_INDENT: "the indentation does not fit what stands above",
  BAD_PROP_ORDER: "anchor and tag stand at the wrong place",
  BAD_SCALAR_START: "a plain value cannot begin with this character: quote it",
  BLOCK_AS_IMPLICIT_KEY: "a key and value where a value was expected: a value that holds `: ` has to be quoted",
  BLOCK_IN_FLOW: "a block collection inside brackets",
  KEY_OVER_1024_CHARS: "a key of more than 1024 characters",
  MISSING_CHAR: "a character is missing: a closing quote or bracket, a comma, a `:` or a space",
  MULTILINE_IMPLICIT_KEY: "a key has to stand on one line, with a `:` behind it",
  MULTIPLE_ANCHORS: "a node with two anchors",
  MULTIPLE_TAGS: "a node with two tags",
  RESOURCE_EXHAUSTION: "the document nests too deep",
  TAB_AS_INDENT: "a tab in the indentation: YAML indents by spaces",
  TAG_RESOLVE_FAILED: "the value does not fit its tag",
  UNEXPECTED_TOKEN: "something that YAML does not expect here",
};
