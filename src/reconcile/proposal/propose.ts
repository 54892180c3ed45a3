import { TrueupError } from "../../core/errors.js";
import { type Proposed, proposalStep, type PullRequestState } from "../../core/proposal.js";
import type { Forge, PullRequest } from "../../forges/forge.js";
import { joined } from "../../lib/signals.js";
import type { ReadyTarget } from "../../render/rendered.js";
import { hear, heed } from "./commands.js";
import { withLease } from "../lease.js";
import type { TargetPass } from "../pass.js";
import { clearBranch, isInGit, ownTip, put } from "./branch.js";
import { type Kept, markerOf, openDesk, plainHash, type Stuck, type Weighed } from "./desk.js";
import type { ReportedFinding, TargetReport } from "../report.js";
import type { Reversion } from "./reversion.js";
import { sealOf } from "../seal.js";
import type { Session } from "../session.js";

export interface Proposing {
  readonly report: TargetReport;
  readonly forge: Forge;
}

/** How long a pass waits for another controller that writes to the environment, in milliseconds; the next one looks again. */
const LEASE_PATIENCE = 2_000;

/**
 * Tends the drift pull request of one target after a pass that could look: opens, updates, closes or forgets it, and says
 * what a person decided by closing it. What was begun and cut off by a crash is finished by the next pass: what is about to be
 * done is kept before it is done, and a pull request is looked for before one is opened. Two controllers on one store are kept
 * apart by the environment's lease, which is only taken where something is to be done.
 * @throws TrueupError of the forge or of git; nothing is lost, the next pass begins anew
 */
export async function tendProposal(
  pass: TargetPass,
  target: ReadyTarget,
  proposing: Proposing,
): Promise<Reversion | undefined> {
  const { session, environment } = pass;
  const first = await weigh(pass, target, proposing);
  if (first === undefined) return undefined;
  if (first.step.do === "revert") return reversionOf(first);
  const lease = { environment: environment.name, patience: LEASE_PATIENCE };
  const done = await withLease(session, lease, async (lost) => {
    const until = joined([pass.signal, lost]);
    try {
      const { proposals } = await session.store();
      const proposal = (await proposals.load(environment.name)).get(target.name);
      const fresh = { ...pass, proposal, signal: until.signal };
      // Another controller was here since: what is to be done may be done already.
      const now = proposal === pass.proposal ? first : await weigh(fresh, target, proposing);
      return now === undefined ? undefined : await carryOut(fresh, target, now);
    } finally {
      until.release();
    }
  });
  return done.held ? done.result : undefined;
}

/** Sessions that looked for a pull request of which the store knows nothing, with the branches that made them look. */
const lookedFor = new WeakMap<Session, Set<string>>();

/** Asks the store and, where there is anything to ask about, the forge. Undefined where there is nothing to do. */
async function weigh(
  pass: TargetPass,
  { name }: ReadyTarget,
  { report, forge }: Proposing,
): Promise<Weighed | undefined> {
  const { session, environment } = pass;
  const desk = openDesk(pass, name);
  const { known, head } = desk;
  const proposable = report.findings.filter(isProposable);
  const drift: Proposed = Object.fromEntries(
    proposable.map(({ path, desired, live }) => [path, sealOf(plainHash, path, [desired, live])]),
  );
  const looked = lookedFor.get(session) ?? new Set<string>();
  lookedFor.set(session, looked);
  if (known === undefined && proposable.length === 0) {
    // Most targets have neither drift nor a pull request: their passes ask nobody. Where a branch is left, the store may have
    // been lost: the forge is asked once.
    const isLeft = (await session.source()).tip(head) !== undefined;
    if (!isLeft || looked.has(head)) return undefined;
  }
  const stuck = isStuck(known?.stuck, markerOf(drift), environment.revision);
  if (stuck && known?.number === undefined) return undefined;
  const pull = own(await forge.find(head, pass.signal), known);
  looked.add(head);
  const state: PullRequestState = pull?.state ?? "absent";
  const mergeSeen = known !== undefined && known.base !== environment.revision;
  const step = proposalStep({ drift, known, state, mergeSeen });
  const weighed = { desk, forge, drift, proposable, pull, findings: report.findings };
  // What people ask for comes first: it may change what is to be proposed.
  const heard = await hear({ forge, pull, known, findings: report.findings }, pass.signal);
  if (heard !== undefined) return { ...weighed, step: { do: "heed", heard } };
  if (stuck && (step.do === "open" || step.do === "update")) return undefined;
  if (step.do !== "nothing") return { ...weighed, step };
  // Its branch follows the environment's, so that it can be merged, and goes where it was asked to; what a crash cut off is finished.
  const lags = mergeSeen || known?.asked?.layer !== known?.layer || known?.number === undefined;
  return state === "open" && lags && !stuck ? { ...weighed, step: { do: "update" } } : undefined;
}

function isProposable({ actions, sensitive }: ReportedFinding): boolean {
  return actions.includes("propose") && sensitive !== true;
}

function isStuck(stuck: Stuck | undefined, drift: string, revision: string): boolean {
  if (stuck?.drift !== drift || stuck.revision !== revision) return false;
  return stuck.until === undefined || new Date().toISOString() < stuck.until;
}

/** The pull request that is ours now: an older one of the same branch was decided in its time. */
function own(found: PullRequest | undefined, known: Kept | undefined): PullRequest | undefined {
  if (found === undefined || found.state === "open" || known === undefined)
    return found?.state === "open" ? found : undefined;
  const isKnown =
    known.number === undefined ? found.body.includes(markerOf(known.settings)) : known.number === found.number;
  return isKnown ? found : undefined;
}

const GONE = "Nothing is left to decide here: the drift is gone.";
const TAKEN = "Nothing is left to decide here: a hold, a guard or another policy has taken the drift over.";
const IN_GIT = "Git says the same as this pull request now: nothing is left to merge.";

async function carryOut(pass: TargetPass, target: ReadyTarget, weighed: Weighed): Promise<Reversion | undefined> {
  const { desk, forge, pull, step } = weighed;
  const { known } = desk;
  switch (step.do) {
    case "open":
    case "update":
      await putUnlessRefused(pass, target, weighed);
      return undefined;
    case "close": {
      const merged = await isInGit(pass, known);
      if (known !== undefined) await desk.keep({ ...known, closing: true });
      const taken = isTaken(weighed);
      const closing = {
        comment: merged ? IN_GIT : taken ? TAKEN : GONE,
        close: true,
        ...(merged && { merged }),
      } as const;
      if (pull !== undefined) await forge.update(pull.number, closing, pass.signal);
      const left = known === undefined ? await ownTip(pass, desk.head) : known.commit;
      await clearBranch(pass, { head: desk.head, left });
      const url = pull?.url ?? "";
      if (merged) await desk.forget({ type: "proposal-merged", message: `git says what ${url} proposed: closed it` });
      else await desk.forget({ type: "proposal-closed", message: `${whyOver(taken)}: closed the pull request ${url}` });
      return undefined;
    }
    case "forget":
      await clearBranch(pass, { head: desk.head, left: known?.commit });
      await desk.forget(endOf(weighed));
      return undefined;
    case "revert":
      return reversionOf(weighed);
    case "heed":
      return heed(pass, target, { ...weighed, heard: step.heard });
  }
}

/** Whether what was proposed has drifted still, and is only no more to be proposed. */
function isTaken({ desk, findings }: Weighed): boolean {
  return findings.some(({ path }) => Object.hasOwn(desk.known?.settings ?? {}, path));
}

function whyOver(taken: boolean): string {
  return taken ? "a hold, a guard or another policy has taken the drift over" : "the drift is gone";
}

function endOf(weighed: Weighed) {
  const { desk, pull } = weighed;
  if (pull?.state === "merged") {
    const by = pull.decidedBy === undefined ? "" : ` by ${pull.decidedBy}`;
    return { type: "proposal-merged", message: `${pull.url} was merged${by}` };
  }
  // Of what was never opened there is nothing to tell.
  if (desk.known?.number === undefined) return undefined;
  return { type: "proposal-closed", message: `${whyOver(isTaken(weighed))}, and its pull request closed` };
}

function reversionOf({ step, pull }: Weighed): Reversion | undefined {
  if (step.do !== "revert") return undefined;
  return { settings: new Set(step.settings), by: `${pull?.decidedBy ?? "someone"} closed ${pull?.url ?? ""}` };
}

/** How long a repository or forge that refuses is left alone while neither the drift nor git changes, in milliseconds. */
const REFUSED_FOR = 3_600_000;

async function putUnlessRefused(pass: TargetPass, target: ReadyTarget, weighed: Weighed): Promise<void> {
  try {
    await put(pass, target, weighed);
  } catch (error) {
    pass.signal.throwIfAborted();
    if (!isLasting(error)) throw error;
    const { session, environment } = pass;
    const { revision } = environment;
    const until = new Date(Date.now() + REFUSED_FOR).toISOString();
    const stuck: Stuck = { drift: markerOf(weighed.drift), revision, reason: error.message, until };
    const { known } = weighed.desk;
    // What was pushed before the refusal is known by then.
    const { proposals } = await session.store();
    const proposal = (await proposals.load(environment.name)).get(target.name);
    const desk = openDesk({ ...pass, proposal }, target.name);
    const kept = desk.known ?? { settings: {}, closing: false, base: revision, since: {} };
    const isNews = known?.stuck?.reason !== stuck.reason;
    const event = { type: "unproposable", message: `drift cannot be proposed: ${error.message}`, hint: error.hint };
    await desk.keep({ ...kept, stuck }, isNews ? event : undefined);
  }
}

/** A refusal: asking again at once would get the same answer. */
function isLasting(error: unknown): error is TrueupError {
  if (!(error instanceof TrueupError)) return false;
  return ["PERMISSION_DENIED", "CONNECTION_DENIED", "GIT_FAILED", "DELIVERY_REFUSED"].includes(error.code);
}
