import { basename } from "node:path/posix";
import { TrueupError } from "../core/errors.js";
import { parsePointer, type Pointer } from "../core/pointer.js";
import { isMap, member, type Value } from "../core/value.js";
import { formatOf } from "../formats/registry.js";
import { decode } from "./blobs.js";
import type { Layered, Piece } from "./layers.js";
import type { Snapshot } from "./snapshot.js";

/** A file of a layer that is there, or that is to be made. */
export type LayerFile = Pick<Piece, "folder" | "file" | "name" | "patch"> & { readonly parsed?: Piece["parsed"] };

export interface OpenFile extends LayerFile {
  /** As it is in the snapshot; empty where it is to be made. */
  readonly text: string;
  /** What it is to say. */
  readonly own: Value | undefined;
  /** What everything that is merged before it says in its place. */
  readonly lower: Value | undefined;
}

export interface DestinationOptions {
  readonly folder: string;
  /** Of all layers, lowest first. */
  readonly folders: readonly string[];
  readonly manyDocuments: boolean;
  readonly request: { readonly target: string };
}

/**
 * The file of the folder that a setting is written to; `pointer` where it is a JSON Patch that gives the value: the place of
 * it in there.
 * @throws TrueupError ENVIRONMENT_INVALID where a higher layer has the setting; DOCUMENT_UNREPRESENTABLE for a JSON Patch
 * that does not say the value
 */
export function destination(
  path: Pointer,
  layered: Layered,
  options: DestinationOptions,
): { readonly own: LayerFile; readonly pointer?: Pointer } {
  const { folder, folders } = options;
  const owner = layered.owner(path);
  if (owner !== undefined && folders.indexOf(owner.piece.folder) > folders.indexOf(folder)) {
    throw new TrueupError("ENVIRONMENT_INVALID", `${basename(owner.piece.folder)} overrides ${path}`, {
      where: layered.explain(path),
      hint: `what ${basename(folder)} says of it has no effect: write it to ${basename(owner.piece.folder)}`,
    });
  }
  if (owner?.piece.folder !== folder) return { own: overrideFile(path, layered, options) };
  const { piece, pointer } = owner;
  if (!piece.patch) return { own: piece };
  if (parsePointer(pointer)[1] === "value") return { own: piece, pointer };
  throw new TrueupError("DOCUMENT_UNREPRESENTABLE", `a JSON Patch moves or copies what is at ${path}`, {
    where: layered.explain(path),
    hint: "edit the JSON Patch by hand",
  });
}

/** Where the layer overrides what lower ones say: in a file of the same name as theirs, unless it has one already. */
function overrideFile(path: Pointer, { pieces }: Layered, options: DestinationOptions): LayerFile {
  const { folder, manyDocuments, request } = options;
  const [name] = parsePointer(path);
  const documents = pieces.filter((piece) => piece.name === name && name !== undefined);
  const wholes = pieces.filter((piece) => piece.name === undefined && !piece.patch);
  const whole = wholes.find((piece) => piece.folder === folder);
  const says = (piece: Piece) =>
    name !== undefined && isMap(piece.parsed.value) && member(piece.parsed.value, name) !== undefined;
  const asDocument = manyDocuments && name !== undefined && (documents.length > 0 || !wholes.some(says));
  const own = documents.find((piece) => piece.folder === folder);
  if (own !== undefined) return own;
  if (asDocument && (whole === undefined || !says(whole))) {
    return { folder, file: `${folder}/${request.target}/${name}`, name, patch: false };
  }
  if (whole !== undefined) return whole;
  const like = wholes.at(-1);
  const fileName = like === undefined ? `${request.target}.yaml` : basename(like.file);
  return { folder, file: `${folder}/${fileName}`, patch: false };
}

export function openFile(file: LayerFile, { snapshot, layered }: { snapshot: Snapshot; layered: Layered }): OpenFile {
  const blob = snapshot.get(file.file);
  const text = blob !== undefined && "content" in blob ? decode(blob.content, { file: file.file }) : "";
  const below = file.patch ? undefined : layered.below(file);
  const lower = file.name === undefined || !isMap(below) ? below : member(below, file.name);
  return { ...file, text, own: file.parsed?.value, lower };
}

/** Whether the file's format can hold the tree: not every one has null. */
export function holds({ file }: LayerFile, tree: Value | undefined): boolean {
  try {
    if (tree !== undefined) formatOf(file)?.normalize(tree);
    return true;
  } catch (error) {
    if (error instanceof TrueupError && error.code === "DOCUMENT_UNREPRESENTABLE") return false;
    throw error;
  }
}

/** The text of the file, edited in place. @throws TrueupError DOCUMENT_UNREPRESENTABLE */
export function edited({ file, text, own }: OpenFile, tags: "keep" | "refuse"): string {
  if (own === undefined) return text;
  const format = formatOf(file);
  if (format !== undefined) return format.edit(text, [{ path: [], value: own }], { file, tags });
  if (typeof own === "string") return own;
  throw new TrueupError("DOCUMENT_UNREPRESENTABLE", "a file whose extension names no format is one text", {
    where: { file },
  });
}
