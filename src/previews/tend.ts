import type { OpenPullRequest } from "../forges/forge.js";
import { joined } from "../lib/signals.js";
import { isUnchanged } from "../reconcile/desired.js";
import { withLease } from "../reconcile/lease.js";
import { asTrueupError } from "../reconcile/pass.js";
import type { Session } from "../reconcile/session.js";
import { previewOf } from "./look.js";
import type { Looked, PreviewMemory, PreviewPass, Told } from "./pass.js";
import type { Preview } from "./preview.js";
import { keyOf, statusesOf, tellPreview, tellStatus } from "./tell.js";
import { validateStatus } from "./text.js";

/** No environment has this name: no branch could. */
const LEASE = "pull requests:";

/**
 * One pass over all open pull requests into branches that environments follow: where the pull request or the branch moved,
 * says on it what merging would change. What goes wrong with one is logged once; the others go on.
 * @throws TrueupError where the forge does not list them, or asks for patience
 */
export async function tendPreviews(session: Session, memory: PreviewMemory, signal: AbortSignal): Promise<void> {
  const forge = await session.forge();
  const { conversations } = forge ?? {};
  if (forge === undefined || conversations === undefined) return;
  const pass: PreviewPass = { session, forge, conversations, memory, signal };
  const pulls = await conversations.open(signal);
  const open = new Set(pulls.map(({ number }) => number));
  for (const known of [memory.told, memory.faults]) {
    for (const number of known.keys()) if (!open.has(number)) known.delete(number);
  }
  const all: Looked[] = [];
  for (const pull of pulls) {
    await unlessFaulty(pass, pull, async () => {
      const looked = await lookAt(pass, pull);
      if (looked !== undefined) all.push(looked);
    });
  }
  const statuses = statusesOf(memory, all);
  for (const commit of memory.statuses.keys()) if (!statuses.has(commit)) memory.statuses.delete(commit);
  const due = [...statuses].filter(([commit, { status }]) => memory.statuses.get(commit) !== keyOf(status));
  if (all.length + due.length === 0) return;
  // Two controllers would both look for the comment, and both write it. Whoever comes too late looks again in the next pass.
  await withLease(session, { environment: LEASE, patience: 0 }, async (lost) => {
    const until = joined([signal, lost]);
    const leased = { ...pass, signal: until.signal };
    try {
      // First what holds people up; between comments GitHub wants seconds.
      for (const [, { pull, status }] of due) {
        await unlessFaulty(leased, pull, () => tellStatus(leased, pull, status));
      }
      for (const looked of all) await unlessFaulty(leased, looked.pull, () => tellPreview(leased, looked));
    } finally {
      until.release();
    }
  });
}

async function unlessFaulty(
  { session, memory, signal }: PreviewPass,
  { number }: Pick<OpenPullRequest, "number">,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    signal.throwIfAborted();
    const { code, message, hint, retryAfter } = asTrueupError(error);
    // Whoever asks for patience means all that is asked.
    if (retryAfter !== undefined) throw error;
    if (memory.faults.get(number) === message) return;
    memory.faults.set(number, message);
    session.log.error({ event: "preview", pull: number, code, hint }, message);
  }
}

/** Undefined where there is nothing new to say. */
async function lookAt(pass: PreviewPass, pull: OpenPullRequest): Promise<Looked | undefined> {
  const { session, memory, signal } = pass;
  const { config } = session;
  const { base, commit, number } = pull;
  const following = [...config.environments.values()].filter(({ branch }) => branch === base);
  const tip = (await session.source()).tip(base);
  // Of a branch that is gone, or was not heard of yet, the environments' own passes speak.
  if (following.length === 0 || tip === undefined) return undefined;
  const key = [config, base, tip, commit];
  const known = memory.told.get(number);
  const isSame = known?.key.every((part, index) => part === key[index]) === true;
  if (isSame && (await isStanding(pass, pull, known))) return undefined;
  const taken = new Map<string, Map<string, string | undefined>>();
  const request = { pull, tip, following: following.map(({ name }) => name), taken };
  const preview: Preview = (await isTrusted(pass, pull))
    ? await previewOf(session, request, signal)
    : { relation: "untrusted" };
  const { relation } = preview;
  return { pull, preview, told: { key, taken, relation, commit, status: validateStatus(pull, preview) } };
}

/** Whether what a preview was made of besides commits is as it was. */
async function isStanding(pass: PreviewPass, pull: OpenPullRequest, { relation, taken }: Told): Promise<boolean> {
  if (relation === "untrusted") return !(await isApproved(pass, pull));
  for (const [environment, secrets] of taken) {
    if (!(await isUnchanged(secrets, (name) => pass.session.secret(environment, name)))) return false;
  }
  return true;
}

/**
 * Whether somebody who may write to the repository stands for the commit. What a stranger writes is not even rendered: patterns and
 * patches can be written that take a processor for hours, and rules that ask for a secret letter by letter.
 */
async function isTrusted(pass: PreviewPass, pull: OpenPullRequest): Promise<boolean> {
  const { branch, forkedBy } = pull;
  if (branch !== undefined) return true;
  // Not who opened it: whose fork it is decides what is pushed there.
  if (forkedBy !== undefined && (await pass.conversations.mayWrite(forkedBy, pass.signal))) return true;
  return isApproved(pass, pull);
}

async function isApproved({ forge, signal }: PreviewPass, { number, commit }: OpenPullRequest): Promise<boolean> {
  const approvals = await forge.revisions?.approvals(number, { commit, teams: [] }, signal);
  return (approvals?.approvers ?? []).length > 0;
}
