import { TrueupError } from "../core/errors.js";
import { oneLine } from "../lib/one-line.js";
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

/** How two commits came apart. */
export interface Divergence {
  /** The nearest common ancestor; undefined where the histories have none, or the mirror has one of the two no more. */
  readonly base: string | undefined;
  /** What only this side has, newest first: the commit itself, where there is anything. */
  readonly ours: readonly Commit[];
  readonly theirs: readonly Commit[];
}

export interface DivergenceRequest {
  readonly ours: string;
  readonly theirs: string;
  /** Of each side so many commits at most. */
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
  /** The common ancestor and both sides: mostly in one process. */
  divergence(request: DivergenceRequest, signal: AbortSignal): Promise<Divergence>;
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
  const commits: Lineage["commits"] = async ({ to, from, firstParent, limit }, signal) => {
    const range = [to, ...[from ?? []].flat().map((commit) => `^${commit}`)];
    const flags = [`--format=${FORMAT}`, `--max-count=${limit}`, ...(firstParent === true ? ["--first-parent"] : [])];
    const args = [...LOG, ...flags, ...range, "--"];
    return linesOf(await mirror.local((place) => git(place, args, signal), signal)).map(commitOf);
  };
  return {
    base,
    commits,
    async divergence({ ours, theirs, limit }, signal) {
      const both = await sides(mirror, { ours, theirs, limit: 2 * limit }, signal);
      const [edge] = both.edge;
      const isWhole = both.ours.length + both.theirs.length < 2 * limit;
      // Of several common commits at the edge some are ancestors of others, as where the one was merged into the other before.
      const common = isWhole && both.edge.length === 1 ? edge?.id : await base(ours, theirs, signal);
      if (common === undefined) return { base: common, ours: [], theirs: [] };
      if (isWhole) return { base: common, ours: both.ours.slice(0, limit), theirs: both.theirs.slice(0, limit) };
      const only = (to: string, from: string) => commits({ to, from, limit }, signal);
      return { base: common, ours: await only(ours, theirs), theirs: await only(theirs, ours) };
    },
    merge: (request, signal) =>
      mirror.local(
        (place) => mergeTrees(place, { ...request, mergeFile }, signal).catch(explainUnrelated(request)),
        signal,
      ),
    write: (commit, signal) => mirror.local((place) => commitTree(place, commit, signal), signal),
    move: ({ branch, from, to }, signal) => mirror.push({ branch, from, to }, signal),
  };
}

/** `A...B` with its edge: what only the one has, what only the other, and the common commits that those grew from. */
async function sides(mirror: Mirror, { ours, theirs, limit }: DivergenceRequest, signal: AbortSignal) {
  const args = [...LOG, `--format=%m${FORMAT}`, "--left-right", "--boundary", `--max-count=${limit}`];
  const lines = await mirror.local(async (place) => {
    try {
      return linesOf(await git(place, [...args, `${ours}...${theirs}`, "--"], signal));
    } catch (error) {
      if (error instanceof GitExit && /invalid symmetric difference/i.test(error.stderr)) return [];
      throw error;
    }
  }, signal);
  const marked = (mark: string) =>
    lines.filter((line) => line.startsWith(mark)).map((line) => commitOf(line.slice(mark.length)));
  return { ours: marked("<"), theirs: marked(">"), edge: marked("-") };
}

function explainUnrelated({ ours, theirs }: MergeRequest) {
  return (error: unknown): never => {
    if (!(error instanceof GitExit) || !error.stderr.includes("refusing to merge unrelated histories")) throw error;
    const message = `${ours.slice(0, 10)} and ${theirs.slice(0, 10)} have no common ancestor`;
    throw new TrueupError("GIT_UNRELATED", message, {
      hint: "One of the branches was made anew, or its history was cut. Merge them once by hand.",
    });
  };
}

const LOG = ["log", "--no-mailmap", "--topo-order", "-z"];
const FORMAT = ["%H", "%T", "%P", "%an", "%cI", "%s", "%(trailers:only,unfold)"].join("%x1f");

function linesOf(output: string): readonly string[] {
  return output.split("\0").filter(Boolean);
}

function commitOf(text: string): Commit {
  const [id = "", tree = "", parents = "", author = "", at = "", subject = "", trailers = ""] = text.split("\x1f");
  const pairs = trailers.split("\n").flatMap((line): readonly (readonly [string, string])[] => {
    const colon = line.indexOf(":");
    return colon > 0 ? [[line.slice(0, colon).trim(), line.slice(colon + 1).trim()]] : [];
  });
  // Whoever may push wrote them, and they are shown on terminals, in commits and on forges.
  const said = { author: oneLine(author), subject: oneLine(subject) };
  return { id, tree, parents: parents.split(" ").filter(Boolean), ...said, at, trailers: new Map(pairs) };
}
