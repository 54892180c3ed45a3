import { TrueupError } from "../core/errors.js";
import type { MergeFile } from "../core/three-way.js";
import { git, GitExit } from "./command.js";
import { commitTree, type TreeCommit } from "./commit-tree.js";
import { type Merged, type MergeRequest, mergeTrees } from "./merge.js";
import type { Mirror } from "./mirror.js";

/** A commit as its message and its place in the history tell of it. */
export interface Commit {
  readonly id: string;
  /** The id of its tree: equal ids mean equal content. */
  readonly tree: string;
  /** The branch's own history first, what was merged after it. */
  readonly parents: readonly string[];
  readonly author: string;
  /** ISO 8601: when it was committed. */
  readonly at: string;
  readonly subject: string;
  /** Lines such as `Trueup-Promoted: 1a2b…` at the end of the message; of two of one name the last counts. */
  readonly trailers: ReadonlyMap<string, string>;
}

export interface CommitsRequest {
  readonly to: string;
  /** Not what this one has, or any of these; absent: down to the first commit. */
  readonly from?: string | readonly string[];
  /** Only the branch's own history, not what was merged into it. */
  readonly firstParent?: true;
  readonly limit: number;
}

/** Where a branch of the remote shall point to. */
export interface BranchMove {
  readonly branch: string;
  /** The commit at which it must still be; absent: there must be no such branch yet. */
  readonly from?: string;
  readonly to: string;
}

/**
 * How the commits of the environments repository descend from each other, and how one branch is brought into another. Nothing
 * is checked out; until `move`, nobody but the mirror knows of what was made.
 */
export interface Lineage {
  /** Newest first; never a commit before those that descend from it. */
  commits(request: CommitsRequest, signal: AbortSignal): Promise<readonly Commit[]>;
  /** The nearest common ancestor; undefined where the histories have none, or the mirror has it no more. */
  base(one: string, other: string, signal: AbortSignal): Promise<string | undefined>;
  /** @throws TrueupError GIT_UNRELATED where there is no common ancestor and none is given */
  merge(request: MergeRequest, signal: AbortSignal): Promise<Merged>;
  /** Writes a commit and returns its id. */
  write(commit: TreeCommit, signal: AbortSignal): Promise<string>;
  /** @throws TrueupError GIT_MOVED, PERMISSION_DENIED: see `push` */
  move(move: BranchMove, signal: AbortSignal): Promise<void>;
}

/** @param mergeFile settles what lines cannot; without it, git's word counts */
export function lineageOf(mirror: Mirror, mergeFile?: MergeFile): Lineage {
  const base: Lineage["base"] = (one, other, signal) =>
    mirror.local(async (place) => {
      try {
        // 1: none, and nothing is said.
        const found = await git(place, ["merge-base", one, other], signal, { accept: [1] });
        return found.trim() === "" ? undefined : found.trim();
      } catch (error) {
        if (error instanceof GitExit && /not a valid (commit|object) name/i.test(error.stderr)) return undefined;
        throw error;
      }
    }, signal);
  return {
    base,
    async commits({ to, from, firstParent, limit }, signal) {
      const range = [to, ...[from ?? []].flat().map((commit) => `^${commit}`)];
      const flags = ["--topo-order", "-z", `--max-count=${limit}`, ...(firstParent === true ? ["--first-parent"] : [])];
      const args = ["log", "--no-mailmap", `--format=${FORMAT}`, ...flags, ...range, "--"];
      const text = await mirror.local((place) => git(place, args, signal), signal);
      return text.split("\0").filter(Boolean).map(commitOf);
    },
    async merge(request, signal) {
      const { ours, theirs } = request;
      if (request.base === undefined && (await base(ours, theirs, signal)) === undefined) {
        throw new TrueupError(
          "GIT_UNRELATED",
          `${ours.slice(0, 10)} and ${theirs.slice(0, 10)} have no common ancestor`,
          {
            hint: "One of the branches was made anew, or its history was cut. Merge them once by hand.",
          },
        );
      }
      return mirror.local((place) => mergeTrees(place, { ...request, mergeFile }, signal), signal);
    },
    write: (commit, signal) => mirror.local((place) => commitTree(place, commit, signal), signal),
    move: ({ branch, from, to }, signal) => mirror.push({ branch, from, to }, signal),
  };
}

const FORMAT = ["%H", "%T", "%P", "%an", "%cI", "%s", "%(trailers:only,unfold)"].join("%x1f");

function commitOf(text: string): Commit {
  const [id = "", tree = "", parents = "", author = "", at = "", subject = "", trailers = ""] = text.split("\x1f");
  const pairs = trailers.split("\n").flatMap((line): readonly (readonly [string, string])[] => {
    const colon = line.indexOf(":");
    return colon > 0 ? [[line.slice(0, colon).trim(), line.slice(colon + 1).trim()]] : [];
  });
  return { id, tree, parents: parents.split(" ").filter(Boolean), author, at, subject, trailers: new Map(pairs) };
}
