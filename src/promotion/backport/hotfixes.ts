import type { Commit } from "../../git/lineage.js";
import type { MergeConflict } from "../../git/merge.js";
import type { Source } from "../../git/source.js";
import { bySettingText } from "../by-setting.js";
import { firstLine, MOST_COMMITS } from "../candidate.js";
import { PROMOTED, ROLLED_BACK } from "../held.js";

/** Says in a commit which commit of a later environment's branch it brings back. */
const BACKPORT = "Trueup-Backport";

export interface HotfixesRequest {
  /** The tip of the branch whose own changes are asked for, */
  readonly tip: string;
  /** that of the branch that is promoted into it, */
  readonly from: string;
  /** and that of the first branch, which shall have them. */
  readonly first: string;
  /** Commits that brought a promotion: see `History` in held.ts. */
  readonly recorded: ReadonlyMap<string, string>;
  /** Hotfixes that the first branch had at some time: what became of them there is its own business. */
  readonly settled: ReadonlySet<string>;
}

/** What a branch has of its own that the first one lacks, put on top of that. */
export interface Hotfixes {
  /** Oldest first: those that can be brought. */
  readonly picked: readonly Commit[];
  /** The first branch with them, which nobody but the mirror knows yet. Without any, its tip. */
  readonly commit: string;
  /** Those against which the first branch has changed the same. */
  readonly conflicting: readonly { readonly hotfix: Commit; readonly conflicts: readonly MergeConflict[] }[];
  /** Those that the first branch was found to have. */
  readonly settled: readonly string[];
  /** How many there are, where that is more than are looked at: then all else is empty. */
  readonly tooMany?: number;
}

/** Of so many at most something is said: two branches that drift apart by more are merged by people. */
export const MOST_HOTFIXES = 50;

/** What it comes to, without moving anything. The same request makes the same commits. @throws TrueupError of git */
export async function hotfixesOf(source: Source, request: HotfixesRequest, signal: AbortSignal): Promise<Hotfixes> {
  const { lineage } = source;
  const { tip, from, first } = request;
  const only = await lineage.commits({ to: tip, from: [from, first], limit: MOST_COMMITS }, signal);
  const hotfixes = ownChanges(only, request);
  const none = { picked: [], commit: first, conflicting: [], settled: [] };
  if (hotfixes.length > MOST_HOTFIXES) return { ...none, tooMany: hotfixes.length };
  if (hotfixes.length === 0) return none;
  const there = await lineage.commits({ to: first, from: tip, limit: MOST_COMMITS }, signal);
  const brought = new Set(there.flatMap(({ trailers }) => trailers.get(BACKPORT) ?? []));
  const [own] = only;
  const [base] = await lineage.commits({ to: first, limit: 1 }, signal);
  const state = { at: first, tree: base?.tree, picked: [] as Commit[], settled: [] as string[] };
  const conflicting: Hotfixes["conflicting"][number][] = [];
  for (const hotfix of hotfixes) {
    const [parent = ""] = hotfix.parents;
    if (brought.has(hotfix.id)) {
      state.settled.push(hotfix.id);
      continue;
    }
    const without = await lineage.merge({ base: hotfix.id, ours: tip, theirs: parent }, signal);
    const isOverlaid = without.conflicts.length > 0;
    // Taken back on its own branch since.
    if (!isOverlaid && without.tree === own?.tree) continue;
    const { tree, conflicts, bySetting } = await lineage.merge(
      { base: parent, ours: state.at, theirs: hotfix.id },
      signal,
    );
    if (conflicts.length > 0) {
      // What a later commit of its own branch changed again is told of with that one.
      if (!isOverlaid) conflicting.push({ hotfix, conflicts });
    } else if (tree === state.tree) {
      if (state.at === first) state.settled.push(hotfix.id);
    } else {
      Object.assign(state, { at: await write(source, { hotfix, tree, onto: state.at, bySetting }, signal), tree });
      state.picked.push(hotfix);
    }
  }
  const isNothing = state.tree === base?.tree;
  return {
    ...{ picked: isNothing ? [] : state.picked, commit: isNothing ? first : state.at },
    ...{ conflicting, settled: state.settled },
  };
}

/** Oldest first. What was rolled back, and the roll-back, are none. */
function ownChanges(only: readonly Commit[], { tip, recorded, settled }: HotfixesRequest): readonly Commit[] {
  const ids = new Set(only.map(({ id }) => id));
  const found: Commit[] = [];
  let resume: string | undefined;
  for (const commit of firstLine(only, tip)) {
    if (resume !== undefined && commit.id !== resume) continue;
    resume = commit.trailers.get(ROLLED_BACK);
    // What another branch has, too, came from there.
    const isPromotion =
      recorded.has(commit.id) || commit.trailers.has(PROMOTED) || !commit.parents.slice(1).every((id) => ids.has(id));
    if (resume !== undefined || isPromotion || commit.parents.length === 0 || settled.has(commit.id)) continue;
    found.unshift(commit);
  }
  return found;
}

async function write(
  source: Source,
  { hotfix, tree, onto, bySetting }: { hotfix: Commit; tree: string; onto: string; bySetting: readonly string[] },
  signal: AbortSignal,
): Promise<string> {
  const { author: name, email, date } = await source.describe(hotfix.id);
  const message = `${hotfix.subject}\n\n${bySettingText(bySetting)}${BACKPORT}: ${hotfix.id}\n`;
  return source.lineage.write({ tree, parents: [onto], message, author: { name, email }, date }, signal);
}
