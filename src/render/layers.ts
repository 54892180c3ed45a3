import { basename, extname } from "node:path/posix";
import type { ListRules } from "../core/change.js";
import { type Place, TrueupError } from "../core/errors.js";
import { applyPatch } from "../core/json-patch.js";
import { keyName, keyOf, listScope, within } from "../core/lists.js";
import { mergePatch } from "../core/merge.js";
import { formatPointer, type Pointer } from "../core/pointer.js";
import { emptyMap, isList, isMap, mapOf, member, type Value } from "../core/value.js";
import type { Parsed, ParseOptions } from "../formats/format.js";
import { parseBlob } from "./blobs.js";
import type { Snapshot } from "./snapshot.js";

/** What one file of a layer says of a target's document. */
interface Piece {
  readonly file: string;
  readonly parsed: Parsed;
  /** Where in the target's document the file's tree stands: `[]`, or the file's name for a target of several documents. */
  readonly at: readonly string[];
  readonly patch: boolean;
}

export interface LayerOptions {
  readonly target: string;
  /** Folders, lowest layer first, the environment's own last. */
  readonly folders: readonly string[];
  readonly lists: ListRules;
  readonly tags: NonNullable<ParseOptions["tags"]>;
  /** Whether the target has one document a file (`host/api.env`). */
  readonly manyDocuments: boolean;
}

export interface Layered {
  readonly document: Value;
  /** The file, line and column that gave a setting its value. The path is in the words of findings. */
  readonly explain: (segments: readonly string[]) => Place | undefined;
}

/** Merges what every layer says of one target. @throws TrueupError DOCUMENT_INVALID, or why a file is refused. */
export function mergeTarget(snapshot: Snapshot, options: LayerOptions): Layered {
  const pieces = options.folders.flatMap((folder) => piecesOf(snapshot, folder, options));
  if (pieces.length === 0) {
    throw new TrueupError("DOCUMENT_INVALID", `no layer has a document for target ${options.target}`, {
      where: { file: `${options.folders.at(-1) ?? ""}/environment.yaml` },
      hint: `add ${options.target}.yaml${options.manyDocuments ? ` or a folder ${options.target}/` : ""} to a layer`,
    });
  }
  let document: Value = emptyMap();
  for (const piece of pieces) {
    if (piece.patch) document = applyPatch(document, piece.parsed.value, patchPlace(piece));
    else document = mergePatch(document, nest(piece.at, piece.parsed.value), options.lists);
  }
  return { document, explain: (segments) => explain(pieces, segments, options.lists) };
}

function piecesOf(snapshot: Snapshot, folder: string, options: LayerOptions): Piece[] {
  const whole: Piece[] = [];
  const patches: Piece[] = [];
  const documents: Piece[] = [];
  const { target, tags } = options;
  for (const [file, content] of inFolder(snapshot, folder)) {
    const name = file.slice(folder.length + 1);
    const stem = name.slice(0, name.length - extname(name).length);
    const parse = (raw = false) => parseBlob(content, { file, tags, raw });
    if (stem === `${target}.patch` && isData(name)) patches.push({ file, parsed: parse(), at: [], patch: true });
    else if (stem === target && isData(name))
      whole.push({ file, parsed: mapOnly(parse(), file), at: [], patch: false });
    else if (name.startsWith(`${target}/`)) {
      const path = name.slice(target.length + 1);
      if (options.manyDocuments) documents.push({ file, parsed: parse(true), at: [path], patch: false });
      else if (isData(path)) {
        throw new TrueupError("DOCUMENT_INVALID", `target ${target} has one document, not a folder of them`, {
          where: { file },
          hint: `write it as ${folder}/${target}.yaml`,
        });
      }
    }
  }
  const [, second] = whole;
  if (second !== undefined) {
    throw new TrueupError("DOCUMENT_INVALID", `${folder} has two documents for target ${target}`, {
      where: { file: second.file },
      hint: `keep one of ${whole.map(({ file }) => basename(file)).join(", ")}`,
    });
  }
  return [...whole, ...documents, ...patches];
}

function* inFolder(snapshot: Snapshot, folder: string) {
  for (const entry of snapshot) if (entry[0].startsWith(`${folder}/`)) yield entry;
}

/** Whether a file beside environment.yaml is a document: a README or a script there is none. */
function isData(name: string): boolean {
  return /\.(ya?ml|json|toml|ini|properties|env)$/.test(name) && name !== "environment.yaml";
}

function mapOnly(parsed: Parsed, file: string): Parsed {
  if (isMap(parsed.value)) return parsed;
  if (parsed.value === null) return { ...parsed, value: emptyMap() };
  throw new TrueupError("DOCUMENT_INVALID", "a target's document is a map at its top", {
    where: { file, line: 1, column: 1 },
  });
}

function nest(at: readonly string[], value: Value): Value {
  return at.reduceRight<Value>((inner, key) => mapOf([[key, inner]]), value);
}

function patchPlace({ file, parsed }: Piece) {
  return (pointer: Pointer): Place => ({ file, ...parsed.position(pointer) });
}

/** The last piece that speaks of the setting gave it its value. */
function explain(pieces: readonly Piece[], segments: readonly string[], lists: ListRules): Place | undefined {
  for (const piece of pieces.toReversed()) {
    const found = piece.patch ? inPatch(piece, segments) : inDocument(piece, segments, lists);
    if (found !== undefined) return found;
  }
  return undefined;
}

function inDocument(piece: Piece, segments: readonly string[], lists: ListRules): Place | undefined {
  if (!piece.at.every((part, index) => part === segments[index])) return undefined;
  const natural: string[] = [];
  let value: Value | undefined = piece.parsed.value;
  let scope = piece.at.reduce(within, listScope(lists));
  for (const segment of segments.slice(piece.at.length)) {
    if (isMap(value)) {
      value = member(value, segment);
      natural.push(segment);
    } else if (isList(value)) {
      const key = keyName(scope);
      const index: number =
        key === undefined ? Number(segment) : value.findIndex((item) => keyOf(item, key) === segment);
      value = value[index];
      natural.push(String(index));
    } else return undefined;
    if (value === undefined) return undefined;
    scope = within(scope, segment);
  }
  const position = piece.parsed.position(formatPointer(natural));
  return { file: piece.file, ...position };
}

function inPatch(piece: Piece, segments: readonly string[]): Place | undefined {
  const pointer = formatPointer(segments);
  const operations = isList(piece.parsed.value) ? piece.parsed.value : [];
  const index = operations.findLastIndex((operation) => {
    const path = isMap(operation) ? member(operation, "path") : undefined;
    return typeof path === "string" && (pointer === path || pointer.startsWith(`${path}/`));
  });
  return index === -1 ? undefined : patchPlace(piece)(`/${index}`);
}
