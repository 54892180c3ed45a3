import type { PullRequest } from "../forges/forge.js";
import { TRUEUP } from "../git/commit-tree.js";
import { isOurs } from "../git/own-branch.js";
import { rollbackCommit } from "../promotion/rollback-commit.js";
import { code } from "../proposals/text.js";
import type { KeptRollout } from "../reconcile/rollout.js";
import type { RolloutPass } from "./pass.js";

const OVER = "The branch has moved on from the revision that failed: there is nothing left to revert.";

/** What of a commit runs. */
const CONTENT = ["environments", "policies"] as const;

export interface ProposedRevert extends NonNullable<KeptRollout["pull"]> {
  readonly url: string;
}

/**
 * Opens the pull request that gives the branch the content of the last good revision; undefined where it was opened already, and
 * where there is no forge, no good revision, or nothing to revert: a revert can fail, too, where something else is ill. A branch
 * that somebody pushed to is left to them.
 */
export async function proposeRevert(pass: RolloutPass, kept: KeptRollout): Promise<ProposedRevert | undefined> {
  const { session, environment, signal } = pass;
  const { name, revision: to } = environment;
  const { revision: tip, failure } = kept;
  if (kept.pull !== undefined || to === tip) return undefined;
  const forge = await session.forge();
  if (forge === undefined) return undefined;
  const source = await session.source();
  if ((await source.treeId(to, ...CONTENT)) === (await source.treeId(tip, ...CONTENT))) return undefined;
  const head = branchOf(name);
  const from = source.tip(head);
  const reason = failure?.reason ?? "";
  let commit = from;
  if (from === undefined || (await isOurs(source, from, [tip], signal))) {
    commit = await rollbackCommit(
      session,
      { environment: name, tip, to, by: TRUEUP.name, because: oneLine(reason) },
      signal,
    );
    await source.lineage.move({ branch: head, to: commit, ...(from === undefined ? {} : { from }) }, signal);
  }
  const { branch: base = name } = session.config.environments.get(name) ?? {};
  const [bad, good] = [tip.slice(0, 10), to.slice(0, 10)];
  const body = [
    `${code(bad)} failed as it was rolled out to ${code(name)}: ${code(reason)}`,
    "",
    `${code(name)} is kept at ${code(good)}, and ${code(bad)} is not tried again. **Merge** this to give the branch the content of`,
    `${code(good)}, or push a commit that mends it: that one is tried.`,
    "",
  ].join("\n");
  const title = `Revert ${name} to ${good}`;
  const opened = await forge.open({ title, body, labels: ["trueup", "revert"], head, base, reviewers: [] }, signal);
  return { number: opened.number, url: opened.url, commit: commit ?? tip };
}

/** Closes the pull request, and takes its branch away, where nobody else has decided on it or pushed to it. */
export async function endRevert({ session, environment, signal }: RolloutPass, { pull }: KeptRollout): Promise<void> {
  if (pull === undefined) return;
  const forge = await session.forge();
  const head = branchOf(environment.name);
  const found: PullRequest | undefined = await forge?.find(head, signal);
  const source = await session.source();
  if (found?.number === pull.number && found.state === "open") {
    const { lineage } = source;
    const { revision } = environment;
    // Merged without the forge's doing.
    const merged = (await lineage.base(pull.commit, revision, signal)) === pull.commit;
    await forge?.update(pull.number, { comment: OVER, close: true, ...(merged && { merged: true }) }, signal);
  }
  if (source.tip(head) === pull.commit)
    await source.remove(head, pull.commit, signal).catch(() => {
      signal.throwIfAborted();
    });
}

function branchOf(environment: string): string {
  return `trueup/revert/${environment}`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}
