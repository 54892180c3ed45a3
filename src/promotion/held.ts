import type { Commit } from "../git/lineage.js";

/** Says in a commit on an environment's branch which revision of the environment before it the branch has from then on. */
export const PROMOTED = "Trueup-Promoted";
/** Says in a commit which earlier commit of the same branch it goes back to. */
export const ROLLED_BACK = "Trueup-Rolled-Back-To";

export interface History {
  /** The branch's own line of commits, newest first, down to where it left the source's history. */
  readonly own: readonly Commit[];
  /** Whether the source has a commit, too. */
  readonly isInSource: (id: string) => boolean;
  /** What the store knows: by a commit of the branch, the source's revision that it brought. */
  readonly recorded: ReadonlyMap<string, string>;
}

/**
 * The revision of the source that a branch holds in content, from which changes are counted; undefined: git's own common
 * ancestor is right. That is wrong twice: a pull request that was squashed or rebased leaves no ancestry, so that what was
 * promoted once would be promoted again, over a hotfix; and a roll-back leaves too much, so that what it took back would never
 * arrive again. Only commits of the branch itself are asked: whoever commits to the source can write there what they like.
 *
 * | newest commit that tells              | holds                                    |
 * |---------------------------------------|------------------------------------------|
 * | promoted, by the store or its trailer | that revision                            |
 * | a merge of a commit of the source     | that commit                              |
 * | rolled back to a commit of its own    | what the branch held at that commit      |
 * | rolled back to a commit of the source | that commit                              |
 * | none                                  | git's nearest common ancestor            |
 */
export function heldRevision({ own, isInSource, recorded }: History): string | undefined {
  let resume: string | undefined;
  let wentBack = false;
  for (const { id, parents, trailers } of own) {
    if (resume !== undefined && id !== resume) continue;
    resume = trailers.get(ROLLED_BACK);
    if (resume !== undefined) {
      wentBack = true;
      continue;
    }
    const revision = recorded.get(id) ?? trailers.get(PROMOTED) ?? parents.slice(1).find(isInSource);
    if (revision !== undefined) return revision;
  }
  if (resume !== undefined) return resume;
  // The ancestor of the tip is one of what was taken back; where the line left the source is right.
  return wentBack ? own.at(-1)?.parents[0] : undefined;
}
