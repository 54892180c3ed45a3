import type { Commit, Lineage } from "../git/lineage.js";
import type { MergeConflict } from "../git/merge.js";
import { bySettingText } from "./by-setting.js";
import { heldRevision, PROMOTED, ROLLED_BACK } from "./held.js";

export interface CandidateRequest {
  /** The environments, for the message. */
  readonly from: string;
  readonly to: string;
  /** The commit that is to travel. */
  readonly revision: string;
  /** The tip of the branch that it is to reach. */
  readonly tip: string;
  /** See `History` in held.ts. */
  readonly recorded: ReadonlyMap<string, string>;
}

/** What bringing a revision into a branch would come to. */
export type Candidate =
  /** `byContent`: not by ancestry; whoever notes that, counts from here the next time. */
  | { readonly relation: "held"; readonly byContent: boolean }
  | {
      readonly relation: "ahead";
      /** What the branch would point to: the revision itself, or a merge of it that nobody but the mirror knows yet. */
      readonly commit: string;
      /** What travels, newest first; at most `MOST_COMMITS`. */
      readonly commits: readonly Commit[];
      /** The files that were merged setting by setting, because lines of them were in conflict. */
      readonly bySetting: readonly string[];
      /** The branch had it and went back: a person may bring it again, no policy does. */
      readonly rolledBack: boolean;
    }
  | {
      readonly relation: "conflicting";
      readonly conflicts: readonly MergeConflict[];
      readonly hotfixes: readonly Commit[];
    }
  /** `lost`: what the branch was promoted from is not to be had any more. */
  | { readonly relation: "unrelated"; readonly lost?: string };

/** So many commits of a branch are looked through: beyond, its own history says nothing of what it holds. */
export const MOST_COMMITS = 1_000;

/** What it comes to, without moving anything. The same request makes the same commit. @throws TrueupError of git */
export async function candidateOf(
  lineage: Lineage,
  { from, to, revision, tip, recorded }: CandidateRequest,
  signal: AbortSignal,
): Promise<Candidate> {
  if (revision === tip) return { relation: "held", byContent: false };
  const apart = await lineage.divergence({ ours: tip, theirs: revision, limit: MOST_COMMITS }, signal);
  const { base: ancestor, ours, theirs } = apart;
  if (ancestor === undefined) return { relation: "unrelated" };
  // The branch has nothing of its own: it follows.
  if (ancestor === tip)
    return { relation: "ahead", commit: revision, commits: theirs, bySetting: [], rolledBack: false };
  const own = firstLine(ours, tip);
  const foreign = new Set(ours.map(({ id }) => id));
  const held = heldRevision({ own, isInSource: (id) => !foreign.has(id), recorded });
  const base = held ?? ancestor;
  if (base === revision) return { relation: "held", byContent: false };
  if (base !== ancestor) {
    const common = await lineage.base(base, revision, signal);
    if (common === revision) return { relation: "held", byContent: false };
    // The history was rewritten, and the mirror made anew since.
    if (common === undefined && (await lineage.base(base, base, signal)) === undefined) {
      return { relation: "unrelated", lost: base };
    }
  }
  const merged = await lineage.merge({ ours: tip, theirs: revision, ...(base === ancestor ? {} : { base }) }, signal);
  if (merged.conflicts.length > 0) {
    return { relation: "conflicting", conflicts: merged.conflicts, hotfixes: own.filter(isHotfix) };
  }
  const [last] = own;
  if (last?.tree === merged.tree) return { relation: "held", byContent: true };
  const newest = theirs[0] ?? (await lineage.commits({ to: revision, limit: 1 }, signal))[0];
  const commit = await lineage.write(
    {
      tree: merged.tree,
      parents: [tip, revision],
      message: `Promote ${from} to ${to}: ${newest?.subject ?? ""}\n\n${bySettingText(merged.bySetting)}${PROMOTED}: ${revision}\n`,
      date: later(last?.at, newest?.at),
    },
    signal,
  );
  const rolledBack = ancestor === revision;
  const commits = rolledBack
    ? await lineage.commits({ to: revision, from: base, limit: MOST_COMMITS }, signal)
    : theirs;
  return { relation: "ahead", commit, commits, bySetting: merged.bySetting, rolledBack };
}

/**
 * Of the commits that only the branch has, its own line, newest first. The merge of a pull request says what the commit says
 * that it merged: a promotion, a roll-back.
 */
export function firstLine(commits: readonly Commit[], tip: string): readonly Commit[] {
  const byId = new Map(commits.map((commit) => [commit.id, commit]));
  const line: Commit[] = [];
  for (let at = byId.get(tip); at !== undefined; at = byId.get(at.parents[0] ?? "")) {
    const merged = at.parents.slice(1).flatMap((id) => [...(byId.get(id)?.trailers ?? [])]);
    line.push({ ...at, trailers: new Map([...merged, ...at.trailers].filter(isMeant)) });
  }
  return line;
}

/** A message may say anything, and git would take a branch's name for a commit. */
function isMeant([name, value]: readonly [string, string]): boolean {
  return (name !== PROMOTED && name !== ROLLED_BACK) || /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(value);
}

/** What was changed on the branch itself: neither brought by a promotion nor a going back. */
function isHotfix({ parents, trailers }: Commit): boolean {
  return parents.length === 1 && !trailers.has(PROMOTED) && !trailers.has(ROLLED_BACK);
}

function later(one = "", other = ""): string {
  return Date.parse(one) > Date.parse(other) ? one : other;
}
