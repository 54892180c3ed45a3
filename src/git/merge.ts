import { git, type Place } from "./command.js";
import { commitTree } from "./commit-tree.js";

/** Three commits: what changed from `base` to `theirs` is brought into `ours`. */
export interface MergeRequest {
  /** Default: the nearest common ancestor of the other two, or a merge of those where there are several. */
  readonly base?: string;
  readonly ours: string;
  readonly theirs: string;
}

export interface MergeConflict {
  /** Relative to the repository's top. */
  readonly path: string;
  /** As git calls it: `contents`, `modify/delete`, `rename/rename`, … */
  readonly kind: string;
}

/** Without conflicts, the tree is the result. */
export interface Merged {
  readonly tree: string;
  readonly conflicts: readonly MergeConflict[];
}

/** Merges without a checkout: objects are written, no reference moves. @throws GitExit where there is no common ancestor */
export async function mergeTrees(place: Place, request: MergeRequest, signal: AbortSignal): Promise<Merged> {
  const { base } = request;
  const [ours, theirs] =
    base === undefined ? [request.ours, request.theirs] : await onBase(place, { ...request, base }, signal);
  const args = ["merge-tree", "--write-tree", "-z", "--messages", ours, theirs];
  // 1 is the answer that there are conflicts.
  return parse(await git(place, args, signal, { accept: [1] }));
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

/**
 * `git merge-tree -z`: the tree; the conflicted files, a line for each stage; an empty entry; then messages, each as a count
 * of paths, the paths, a kind such as `CONFLICT (contents)`, and a sentence. See git-merge-tree(1), OUTPUT.
 */
function parse(output: string): Merged {
  const [tree = "", ...rest] = output.split("\0");
  const end = rest.indexOf("");
  const files = new Set(rest.slice(0, end).map((line) => line.slice(line.indexOf("\t") + 1)));
  const kinds = new Map<string, string>();
  for (let index = end + 1; index < rest.length;) {
    const count = Number(rest[index]);
    if (!(count > 0)) break;
    const kind = /^CONFLICT \((.*)\)$/.exec(rest[index + count + 1] ?? "")?.[1];
    for (const path of rest.slice(index + 1, index + 1 + count)) {
      if (kind !== undefined && !kinds.has(path)) kinds.set(path, kind);
    }
    index += count + 3;
  }
  return { tree, conflicts: [...files].map((path) => ({ path, kind: kinds.get(path) ?? "contents" })) };
}
