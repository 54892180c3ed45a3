import type { ConversationForge, Forge, OpenPullRequest } from "../forges/forge.js";
import { joined } from "../lib/signals.js";
import { isUnchanged } from "../reconcile/desired.js";
import { withLease } from "../reconcile/lease.js";
import { asTrueupError } from "../reconcile/pass.js";
import type { Session } from "../reconcile/session.js";
import { previewOf } from "./look.js";
import type { Preview } from "./preview.js";
import { previewText, validateStatus } from "./text.js";

/** What a controller remembers between its passes, so that an idle one asks git nothing and writes nothing. */
export interface PreviewMemory {
  /** By number, what the pull request was told last. */
  readonly told: Map<number, Told>;
  /** By number, the fault that was last logged. */
  readonly faults: Map<number, string>;
  /** What the forge refuses, as it was logged: the same for one pull request as for the next. */
  readonly refusals: Set<string>;
}

interface Told {
  /** The configuration, and the two commits that were merged. */
  readonly key: readonly unknown[];
  /** By environment. */
  readonly taken: ReadonlyMap<string, ReadonlyMap<string, string | undefined>>;
  readonly relation: Preview["relation"];
}

export function previewMemory(): PreviewMemory {
  return { told: new Map(), faults: new Map(), refusals: new Set() };
}

/**
 * One pass over all open pull requests into branches that environments follow: where the pull request or the branch moved,
 * says on it what merging would change. What goes wrong with one is logged once; the others go on.
 * @throws TrueupError where the forge does not list them
 */
export async function tendPreviews(session: Session, memory: PreviewMemory, signal: AbortSignal): Promise<void> {
  const forge = await session.forge();
  const { conversations } = forge ?? {};
  if (forge === undefined || conversations === undefined) return;
  const pulls = await conversations.open(signal);
  const open = new Set(pulls.map(({ number }) => number));
  for (const known of [memory.told, memory.faults]) {
    for (const number of known.keys()) if (!open.has(number)) known.delete(number);
  }
  for (const pull of pulls) {
    try {
      await tendOne({ session, forge, conversations, memory, pull, signal });
      memory.faults.delete(pull.number);
    } catch (error) {
      signal.throwIfAborted();
      const { code, message, hint, retryAfter } = asTrueupError(error);
      // Whoever asks for patience means all that is asked.
      if (retryAfter !== undefined) throw error;
      if (memory.faults.get(pull.number) === message) continue;
      memory.faults.set(pull.number, message);
      session.log.error({ event: "preview", pull: pull.number, code, hint }, message);
    }
  }
}

interface Tending {
  readonly session: Session;
  readonly forge: Forge;
  readonly conversations: ConversationForge;
  readonly memory: PreviewMemory;
  readonly pull: OpenPullRequest;
  readonly signal: AbortSignal;
}

/** No environment has this name: no branch could. */
const LEASE = "pull requests:";

async function tendOne(tending: Tending): Promise<void> {
  const { session, memory, pull, signal } = tending;
  const { config } = session;
  const following = [...config.environments.values()].filter(({ branch }) => branch === pull.base);
  const tip = (await session.source()).tip(pull.base);
  // Of a branch that is gone, or was not heard of yet, the environments' own passes speak.
  if (following.length === 0 || tip === undefined) return;
  const key = [config, pull.base, tip, pull.commit];
  const known = memory.told.get(pull.number);
  if (known?.key.every((part, index) => part === key[index]) === true && (await isStanding(tending, known))) return;
  const taken = new Map<string, Map<string, string | undefined>>();
  const request = { pull, tip, following: following.map(({ name }) => name), taken };
  const preview: Preview = (await isTrusted(tending))
    ? await previewOf(session, request, signal)
    : { relation: "untrusted" };
  // Two controllers would both look for the comment, and both write it.
  const done = await withLease(session, { environment: LEASE, patience: 0 }, async (lost) => {
    const until = joined([signal, lost]);
    try {
      await tell({ ...tending, signal: until.signal }, preview);
    } finally {
      until.release();
    }
  });
  if (done.held) memory.told.set(pull.number, { key, taken, relation: preview.relation });
}

/** Whether what a preview was made of besides commits is as it was. */
async function isStanding(tending: Tending, { relation, taken }: Told): Promise<boolean> {
  if (relation === "untrusted") return !(await isApproved(tending));
  for (const [environment, secrets] of taken) {
    if (!(await isUnchanged(secrets, (name) => tending.session.secret(environment, name)))) return false;
  }
  return true;
}

/**
 * Whether somebody who may write to the repository stands for the commit. What a stranger writes is not even rendered: patterns and
 * patches can be written that take a processor for hours, and rules that ask for a secret letter by letter.
 */
async function isTrusted(tending: Tending): Promise<boolean> {
  const { conversations, pull, signal } = tending;
  const { branch, forkedBy } = pull;
  if (branch !== undefined) return true;
  // Not who opened it: whose fork it is decides what is pushed there.
  if (forkedBy !== undefined && (await conversations.mayWrite(forkedBy, signal))) return true;
  return isApproved(tending);
}

async function isApproved({ forge, pull, signal }: Tending): Promise<boolean> {
  const asked = { commit: pull.commit, teams: [] };
  return ((await forge.revisions?.approvals(pull.number, asked, signal))?.approvers ?? []).length > 0;
}

async function tell(tending: Tending, preview: Preview): Promise<void> {
  const { forge, conversations, pull, signal } = tending;
  const { revisions } = forge;
  if (revisions !== undefined) {
    const status = validateStatus(pull, preview);
    await unlessRefused(tending, "the status", async () => {
      const told = await conversations.told(pull.commit, status.context, signal);
      if (told?.state === status.state && told.description === status.description) return;
      await revisions.status(pull.commit, status, signal);
    });
  }
  if (saysItself(pull)) return;
  const comment = { kind: "preview", text: previewText(pull, preview), add: isWorthSaying(preview) };
  await unlessRefused(tending, "the comment", () => conversations.say(pull.number, comment, signal));
}

/** Drift pull requests, promotions and back-ports show what changes in their own text. */
function saysItself({ branch = "" }: OpenPullRequest): boolean {
  return /^trueup\/(backport|drift|promote)\//.test(branch);
}

/** Nobody wants to be told that the README changes nothing; but what was said once is kept true. */
function isWorthSaying(preview: Preview): boolean {
  if (preview.relation !== "merging") return preview.relation !== "untrusted";
  return preview.environments.length + preview.policies.length > 0;
}

/** What the forge refuses for good is logged, and holds nothing up: it is asked again when there is something new to say. */
async function unlessRefused(
  { session, memory, pull }: Tending,
  what: string,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    const { code, message, hint } = asTrueupError(error);
    if (code !== "DELIVERY_REFUSED") throw error;
    if (memory.refusals.has(`${what} ${message}`)) return;
    memory.refusals.add(`${what} ${message}`);
    session.log.warn(
      { event: "preview", pull: pull.number, code, hint },
      `${what} of a preview is not told: ${message}`,
    );
  }
}
