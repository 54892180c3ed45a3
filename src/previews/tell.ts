import type { CommitStatus, OpenPullRequest } from "../forges/forge.js";
import { asTrueupError } from "../reconcile/pass.js";
import type { Looked, PreviewMemory, PreviewPass } from "./pass.js";
import type { Preview } from "./preview.js";
import { previewText } from "./text.js";

interface Verdict {
  readonly pull: Pick<OpenPullRequest, "number" | "commit">;
  readonly status: CommitStatus;
}

/** By commit, its status. Of several pull requests with one commit the worst counts: to a forge a status is the commit's. */
export function statusesOf(memory: PreviewMemory, all: readonly Looked[]): ReadonlyMap<string, Verdict> {
  const known = [...memory.told].map(([number, { commit, status }]) => ({ pull: { number, commit }, status }));
  const now = all.map(({ pull, told }) => ({ pull, status: told.status }));
  const worst = new Map<string, Verdict>();
  for (const verdict of new Map([...known, ...now].map((each) => [each.pull.number, each])).values()) {
    const before = worst.get(verdict.pull.commit);
    if (before === undefined || BADNESS[verdict.status.state] > BADNESS[before.status.state]) {
      worst.set(verdict.pull.commit, verdict);
    }
  }
  return worst;
}

const BADNESS = { success: 0, pending: 1, failure: 2 } as const;

/** By which it is known that a commit was told. */
export function keyOf({ state, description }: CommitStatus): string {
  return `${state}\n${description}`;
}

/** Puts the status, unless Trueup said the same last, before it was restarted or elsewhere. */
export async function tellStatus(pass: PreviewPass, { commit }: Verdict["pull"], status: CommitStatus): Promise<void> {
  const { forge, conversations, memory, signal } = pass;
  await unlessRefused(pass, "the status", async () => {
    const told = await conversations.told(commit, status.context, signal);
    if (told === undefined || keyOf(told) !== keyOf(status)) await forge.revisions?.status(commit, status, signal);
  });
  memory.statuses.set(commit, keyOf(status));
}

/** Puts the comment, where there is to be one. */
export async function tellPreview(pass: PreviewPass, { pull, preview, told }: Looked): Promise<void> {
  const { conversations, memory, signal } = pass;
  const { number } = pull;
  if (!saysItself(pull)) {
    const comment = { kind: "preview", text: previewText(pull, preview), add: isWorthSaying(preview) };
    await unlessRefused(pass, "the comment", () => conversations.say(number, comment, signal));
  }
  memory.told.set(number, told);
  memory.faults.delete(number);
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
async function unlessRefused({ session, memory }: PreviewPass, what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const { code, message, hint } = asTrueupError(error);
    if (code !== "DELIVERY_REFUSED") throw error;
    if (memory.refusals.has(`${what} ${message}`)) return;
    memory.refusals.add(`${what} ${message}`);
    session.log.warn({ event: "preview", code, hint }, `${what} of a preview is not told: ${message}`);
  }
}
