import type { Commit } from "../git/lineage.js";
import { forget, promotedEvent } from "./keep.js";
import type { HopPass } from "./hop-pass.js";
import type { HopLook } from "./look.js";
import { type KeptPromotion, promotionBranch } from "./promotion-desk.js";

export const ARRIVED = "Nothing is left to promote here: the branch has all of it.";

/**
 * What was under way is in the branch, and another revision is wanted by now: a person merged it, or a process was killed as it
 * did. That is told before the next one takes its place, or nobody would ever know of it, nor of a squash that brought it.
 * @returns the pass without it; undefined where nothing arrived so
 */
export async function settled(pass: HopPass, look: HopLook): Promise<HopPass | undefined> {
  const { hop, known, over, branches, signal } = pass;
  const { candidate, revision, forge, pull, tip } = look;
  if (known === undefined || over === true || known.from !== hop.from) return undefined;
  // What the branch has all of is ended as every promotion is.
  if (candidate.relation === "held" || known.revision === revision) return undefined;
  const commit = (await broughtBy(pass, known, tip)) ?? (await squashOf(pass, known, tip))?.id;
  if (commit === undefined) return undefined;
  const isItsOwn = pull !== undefined && pull.number === known.pullRequest?.number;
  if (isItsOwn && pull.state === "open") {
    await forge?.update(pull.number, { comment: ARRIVED, close: true, merged: true }, signal);
  }
  const mergedBy = isItsOwn ? pull.decidedBy : undefined;
  const told = promotedEvent(pass, { revision: known.revision, commit, mergedBy, gates: known.gates });
  await forget(pass, { commit, revision: known.revision }, told);
  const left = new Map(branches);
  left.delete(promotionBranch(hop.to));
  return { ...pass, known: undefined, branches: left };
}

/** By ancestry: what the branch did not have when this was begun, and has now. */
async function broughtBy(
  { session, signal }: HopPass,
  { commit, revision, onto }: KeptPromotion,
  tip: string,
): Promise<string | undefined> {
  const { lineage } = await session.source();
  const has = async (holder: string, one: string): Promise<boolean> =>
    (await lineage.base(one, holder, signal)) === one;
  if (commit !== undefined && (await has(tip, commit)) && !(await has(onto, commit))) return commit;
  return (await has(tip, revision)) && !(await has(onto, revision)) ? tip : undefined;
}

/** The commit of the branch's own line that has the content which was to come: a forge may squash or rebase. */
export async function squashOf(
  { session, signal }: HopPass,
  { commit, onto }: Pick<KeptPromotion, "commit" | "onto">,
  tip: string,
): Promise<Commit | undefined> {
  if (commit === undefined || commit === tip) return undefined;
  const { lineage } = await session.source();
  const [made] = await lineage.commits({ to: commit, limit: 1 }, signal);
  const own = await lineage.commits({ to: tip, from: onto, firstParent: true, limit: 100 }, signal);
  return own.find(({ tree }) => tree === made?.tree);
}
