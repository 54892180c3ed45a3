import { basename, extname } from "node:path/posix";
import type { ListRules } from "../core/change.js";
import { type Place, TrueupError } from "../core/errors.js";
import { type Layer, mergeLayers } from "../core/merge.js";
import { formatPointer, parsePointer, type Pointer } from "../core/pointer.js";
import { emptyMap, isMap, mapOf, type Value } from "../core/value.js";
import type { Parsed, ParseOptions } from "../formats/format.js";
import { parseBlob } from "./blobs.js";
import type { Snapshot } from "./snapshot.js";

/** What one file of a layer says of a target's document. */
export interface Piece {
  readonly folder: string;
  readonly file: string;
  readonly parsed: Parsed;
  /** For a target of several documents: which of them the file is. */
  readonly name?: string;
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
  /** The file, line and column that gave a setting its value. */
  readonly explain: (pointer: Pointer) => Place | undefined;
  /** The file that gave a setting its value, and where in it, in the file's own terms. */
  readonly owner: (pointer: Pointer) => Owner | undefined;
  /** What is merged, in the order of merging. */
  readonly pieces: readonly Piece[];
  /** What the document is before a file of that folder and form is merged, be there such a file or not. */
  readonly below: (file: Pick<Piece, "folder" | "name" | "patch">) => Value;
}

export interface Owner {
  readonly piece: Piece;
  readonly pointer: Pointer;
}

/** Merges what every layer says of one target. @throws TrueupError DOCUMENT_INVALID, or why a file is refused. */
export function mergeTarget(snapshot: Snapshot, options: LayerOptions): Layered {
  const pieces = options.folders.flatMap((folder) => piecesOf(snapshot, folder, options));
  const sources = options.folders.flatMap((folder) => sourcesOf(pieces.filter((piece) => piece.folder === folder)));
  if (sources.length === 0) {
    throw new TrueupError("DOCUMENT_INVALID", `no layer has a document for target ${options.target}`, {
      where: { file: `${options.folders.at(-1) ?? ""}/environment.yaml` },
      hint: `add ${options.target}.yaml${options.manyDocuments ? ` or a folder ${options.target}/` : ""} to a layer`,
    });
  }
  const { value, origin } = mergeLayers(
    sources.map(({ layer }) => layer),
    options.lists,
  );
  return {
    document: value,
    explain: (pointer) => {
      const found = origin(pointer);
      return found === undefined ? undefined : sources[found.layer]?.place(found.pointer);
    },
    owner: (pointer) => {
      const found = origin(pointer);
      const piece = found && sources[found.layer]?.piece(found.pointer);
      if (found === undefined || piece === undefined) return undefined;
      const own = parsePointer(found.pointer).slice(piece.name === undefined ? 0 : 1);
      return { piece, pointer: formatPointer(own) };
    },
    pieces,
    below: (file) => {
      const rank = rankOf(file, options.folders);
      const lower = sources.filter(({ sample }) => rankOf(sample, options.folders) < rank);
      return mergeLayers(
        lower.map(({ layer }) => layer),
        options.lists,
      ).value;
    },
  };
}

/** Within a folder: the one document first, then the folder of documents, the patches last. */
function rankOf({ folder, name, patch }: Pick<Piece, "folder" | "name" | "patch">, folders: readonly string[]): number {
  return folders.indexOf(folder) * 3 + (patch ? 2 : name === undefined ? 0 : 1);
}

/** A layer for the merge, and where a place of it is written. */
interface LayerSource {
  readonly layer: Layer;
  readonly place: (pointer: Pointer) => Place | undefined;
  readonly piece: (pointer: Pointer) => Piece | undefined;
  /** One of the pieces that it is made of. */
  readonly sample: Piece;
}

/** The documents of a folder are one layer: merged one by one, each would copy the map of all that came before. */
function sourcesOf(pieces: readonly Piece[]): LayerSource[] {
  const documents = new Map(
    pieces.flatMap((piece) => (piece.name === undefined ? [] : [[piece.name, piece] as const])),
  );
  const whole = pieces.filter(({ name, patch }) => name === undefined && !patch);
  const patches = pieces.filter(({ patch }) => patch);
  return [...whole.map(sourceOf), ...folderOf(documents), ...patches.map(sourceOf)];
}

function sourceOf(piece: Piece): LayerSource {
  const place = (pointer: Pointer) => placeIn(piece, pointer);
  const { value } = piece.parsed;
  return { layer: piece.patch ? { patch: value, place } : { value, place }, place, piece: () => piece, sample: piece };
}

function folderOf(documents: ReadonlyMap<string, Piece>): LayerSource[] {
  const [sample] = documents.values();
  if (sample === undefined) return [];
  const piece = (pointer: Pointer) => documents.get(parsePointer(pointer)[0] ?? "");
  const place = (pointer: Pointer) => {
    const found = piece(pointer);
    return found === undefined ? undefined : placeIn(found, pointer);
  };
  const value = mapOf([...documents].map(([name, { parsed }]) => [name, parsed.value] as const));
  return [{ layer: { value, place }, place, piece, sample }];
}

/** A pointer into what a piece says of the target's document, as a place in its file. */
function placeIn({ file, parsed, name }: Piece, pointer: Pointer): Place {
  const own = parsePointer(pointer).slice(name === undefined ? 0 : 1);
  // What has no place of its own (a member that an anchor gave) is shown where the nearest thing above it stands.
  for (let length = own.length; length > 0; length -= 1) {
    const position = parsed.position(formatPointer(own.slice(0, length)));
    if (position !== undefined) return { file, ...position };
  }
  return { file };
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
    if (stem === `${target}.patch` && isData(name)) patches.push({ folder, file, parsed: parse(), patch: true });
    else if (stem === target && isData(name))
      whole.push({ folder, file, parsed: mapOnly(parse(), file), patch: false });
    else if (name.startsWith(`${target}/`)) {
      const path = name.slice(target.length + 1);
      if (options.manyDocuments) documents.push({ folder, file, parsed: parse(true), name: path, patch: false });
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

/** Files of an environment's folder that are Trueup's own. */
const OWN = new Set(["environment.yaml", "holds.yaml"]);

/** Whether a file beside environment.yaml is a document: a README or a script there is none. */
function isData(name: string): boolean {
  return /\.(ya?ml|json|toml|ini|properties|env)$/.test(name) && !OWN.has(name);
}

function mapOnly(parsed: Parsed, file: string): Parsed {
  if (isMap(parsed.value)) return parsed;
  if (parsed.value === null) return { ...parsed, value: emptyMap() };
  throw new TrueupError("DOCUMENT_INVALID", "a target's document is a map at its top", {
    where: { file, line: 1, column: 1 },
  });
}
