import type { MergeFile } from "../core/three-way.js";
import { git, type Place } from "./command.js";
import { commitTree } from "./commit-tree.js";
import { mergeFiles } from "./merge-files.js";
import { conflictOf, type Merged, readMergeTree } from "./merge-tree.js";

export type { MergeConflict, Merged } from "./merge-tree.js";

/** Three commits: what changed from `base` to `theirs` is brought into `ours`. */
export interface MergeRequest {
  /** Default: the nearest common ancestor of the other two, or a merge of those where there are several. */
  readonly base?: string;
  readonly ours: string;
  readonly theirs: string;
}

/**
 * Merges without a checkout: objects are written, no reference moves. Files in which git finds a conflict are given to
 * `mergeFile`; where there is none, this is one process.
 * @throws GitExit where there is no common ancestor
 */
export async function mergeTrees(
  place: Place,
  { mergeFile, ...request }: MergeRequest & { readonly mergeFile: MergeFile | undefined },
  signal: AbortSignal,
): Promise<Merged> {
  const { base } = request;
  const [ours, theirs] =
    base === undefined ? [request.ours, request.theirs] : await onBase(place, { ...request, base }, signal);
  const args = ["merge-tree", "--write-tree", "-z", "--messages", ours, theirs];
  // 1 is the answer that there are conflicts.
  const { tree, files } = readMergeTree(await git(place, args, signal, { accept: [1] }));
  if (mergeFile === undefined || files.length === 0) return { tree, conflicts: files.map(conflictOf), bySetting: [] };
  return mergeFiles(place, { tree, files, sides: [ours, theirs], mergeFile }, signal);
}

/** The two sides as children of the base. `merge-tree --merge-base` came with git 2.40. */
async function onBase(
  place: Place,
  { base, ours, theirs }: Required<MergeRequest>,
  signal: AbortSignal,
): Promise<readonly [string, string]> {
  // The same commits for the same trees: nothing piles up in the mirror.
  const synthetic = { message: "a side of a merge", date: "@0 +0000" };
  const root = await commitTree(place, { tree: `${base}^{tree}`, parents: [], ...synthetic }, signal);
  const side = (revision: string): Promise<string> =>
    commitTree(place, { tree: `${revision}^{tree}`, parents: [root], ...synthetic }, signal);
  return [await side(ours), await side(theirs)];
}
