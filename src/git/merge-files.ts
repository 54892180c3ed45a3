import { LIMITS } from "../core/limits.js";
import type { FileMerge, MergeFile } from "../core/three-way.js";
import { git, type Place } from "./command.js";
import { ourSide } from "./conflict-markers.js";
import { conflictOf, type ConflictedFile, type MergeConflict, type Merged } from "./merge-tree.js";
import { listTree, readBlobs } from "./tree.js";
import { treeWith, writeBlob } from "./write-tree.js";

/** Beyond, in bytes, a file is left in conflict: it is read some six times, and nothing else runs meanwhile. */
const MOST_BYTES = LIMITS.bytes / 8;

export interface ConflictedMerge {
  /** What git wrote: with its marks in the files that are in conflict. */
  readonly tree: string;
  readonly files: readonly ConflictedFile[];
  /** The names under which git knew ours and theirs. */
  readonly sides: readonly [ours: string, theirs: string];
  readonly mergeFile: MergeFile;
}

/**
 * Gives the files in which git found a conflict to `mergeFile`, and writes the tree where that leaves none.
 *
 * Not by a merge driver in .gitattributes: git would start one process for each file, by a command in the mirror's
 * configuration; it tells no more than that there is a conflict, and not in which setting; and the attributes are the
 * branch's, so that whoever commits to one would decide how it is merged.
 */
export async function mergeFiles(
  place: Place,
  { tree, files, sides, mergeFile }: ConflictedMerge,
  signal: AbortSignal,
): Promise<Merged> {
  const { lines, blobs } = await readSides(place, { tree, files: files.filter(isText) }, signal);
  const texts = new Map<string, string>();
  const conflicts: MergeConflict[] = [];
  for (const file of files) {
    const merge = isText(file) ? merged(file, { blobs, lines, sides, mergeFile }) : undefined;
    if (merge !== undefined && "text" in merge) texts.set(file.path, merge.text);
    else conflicts.push({ ...conflictOf(file), ...settingsOf(merge) });
  }
  if (conflicts.length > 0) return { tree, conflicts, bySetting: [] };
  const entries = new Map<string, string>();
  for (const [path, text] of texts) entries.set(path, await writeBlob(place, Buffer.from(text), signal));
  return {
    tree: (await treeWith(place, { tree, entries, at: "" }, signal)) ?? tree,
    ...{ conflicts, bySetting: [...texts.keys()] },
  };
}

/** Whether both sides have the file, at this path, and git finds nothing in conflict but lines of it. */
function isText({ kinds, stages }: ConflictedFile): boolean {
  const isLines = kinds.size === 1 && kinds.has("contents");
  return isLines && stages.has(2) && stages.has(3) && [...stages.values()].every(({ mode }) => mode.startsWith("100"));
}

function settingsOf(merge: FileMerge | undefined): Pick<MergeConflict, "settings" | "unread"> {
  if (merge === undefined || "text" in merge) return {};
  return "unread" in merge ? { unread: merge.unread } : { settings: merge.conflicts };
}

interface Read {
  /** By id; what is too large is not in it. */
  readonly blobs: ReadonlyMap<string, Buffer>;
  /** By path, what git wrote, as an id. */
  readonly lines: ReadonlyMap<string, string>;
}

async function readSides(
  place: Place,
  { tree, files }: Pick<ConflictedMerge, "tree" | "files">,
  signal: AbortSignal,
): Promise<Read> {
  if (files.length === 0) return { blobs: new Map(), lines: new Map() };
  const entries = await listTree(place, { commit: tree, paths: files.map(({ path }) => path) }, signal);
  const lines = new Map(entries.map(({ path, id }) => [path, id]));
  const ids = new Set(
    files.flatMap(({ path, stages }) => [...stages.values(), { id: lines.get(path) ?? "" }]).map(({ id }) => id),
  );
  ids.delete("");
  const input = Buffer.from([...ids].map((id) => `${id}\n`).join(""));
  const sizes = await git(place, ["cat-file", "--batch-check=%(objectname) %(objectsize)"], signal, { input });
  const small = sizes.split("\n").flatMap((line) => {
    const [id = "", size] = line.split(" ");
    return id !== "" && Number(size) <= MOST_BYTES ? [id] : [];
  });
  return { blobs: await readBlobs(place, small, signal), lines };
}

function merged(
  { path, stages }: ConflictedFile,
  { blobs, lines, sides, mergeFile }: Read & Pick<ConflictedMerge, "sides" | "mergeFile">,
): FileMerge | undefined {
  const textOf = (id: string | undefined): string | undefined => decode(id === undefined ? undefined : blobs.get(id));
  const [base, ours, theirs] = [1, 2, 3].map((stage) => textOf(stages.get(stage)?.id));
  if (ours === undefined || theirs === undefined || (base === undefined && stages.has(1))) return undefined;
  const marked = textOf(lines.get(path));
  return mergeFile({
    file: path,
    base,
    ours,
    theirs,
    lines: marked === undefined ? undefined : ourSide(marked, sides),
  });
}

/** Undefined for what is not UTF-8. A byte order mark stays. */
function decode(content: Buffer | undefined): string | undefined {
  try {
    return content && new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    return undefined;
  }
}
