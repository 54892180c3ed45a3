import type { PullRequestState } from "../core/proposal.js";
import type { Relation } from "../core/promotion.js";
import type { PullRequest } from "../forges/forge.js";
import { refresh } from "../reconcile/environment.js";
import type { Candidate } from "./candidate.js";
import type { HopPass } from "./hop-pass.js";
import { isOurs } from "../git/own-branch.js";
import { promotionBranch } from "./promotion-desk.js";

/** How a promotion stands for what people did to it. */
export interface Standing {
  readonly relation: Relation;
  readonly pull: PullRequestState;
  /** What is in its way, or how it was declined, and what to do. */
  readonly why?: string;
}

export interface StandingRequest {
  readonly revision: string;
  readonly candidate: Candidate;
  readonly pull: PullRequest | undefined;
  /** The tips of the branch that it comes from, and of the one that it is to reach. */
  readonly newest: string;
  readonly tip: string;
  /** Without a pull request. */
  readonly direct: boolean;
  /** The revision is not on the branch that it comes from any more. */
  readonly isLost: boolean;
}

/** Nothing of a person's is overwritten, and nothing travels that they took back: it is said, and waits for them. */
export async function standingOf(pass: HopPass, request: StandingRequest): Promise<Standing> {
  const { candidate, direct, isLost } = request;
  const { relation } = candidate;
  const pull = stateOf(pass, request.pull);
  if (relation === "held") return { relation, pull };
  const away = direct ? undefined : awayOf(pass, request);
  if (pull === "merged" && away !== undefined) return { relation, pull: "closed", why: away };
  const back = pull === "merged" && pass.known?.onto === request.tip ? await backOf(pass, request) : undefined;
  if (back !== undefined) return { relation, pull: "closed", why: back };
  const edit = direct && pull !== "open" ? undefined : await editOf(pass, request);
  const why = isLost ? lostOf(pass, request) : pull === "open" ? (away ?? edit) : edit;
  if (why !== undefined) return { relation: "hindered", pull, why };
  const head = promotionBranch(pass.hop.to);
  if (pull !== "open" || pass.known?.commit === undefined || pass.branches.has(head)) return { relation, pull };
  // A forge that has a say of its own closes it then. Who asks for it by name takes that back.
  return pass.wish === undefined
    ? { relation, pull: "closed", why: `somebody removed ${head}` }
    : { relation, pull: "absent" };
}

/** A pull request of an earlier promotion was decided in its time. */
function stateOf({ known }: HopPass, pull: PullRequest | undefined): PullRequestState {
  if (pull === undefined) return "absent";
  return pull.state === "open" || pull.number === known?.pullRequest?.number ? pull.state : "absent";
}

/** What a person asked for is not on the branch any more: that was rewritten. */
export async function isTakenBack({ session, hop, known, signal }: HopPass, newest: string): Promise<boolean> {
  if (known?.wantedBy === undefined || known.from !== hop.from || known.revision === newest) return false;
  const { lineage } = await session.source();
  return (await lineage.base(known.revision, newest, signal)) !== known.revision;
}

function lostOf({ hop: { from, to } }: HopPass, { revision }: StandingRequest): string {
  const short = revision.slice(0, 10);
  return `${short} is not on the branch of ${from} any more: \`trueup promote ${from} ${to}\` asks for what is`;
}

/** Its pull request was turned to another branch. */
function awayOf({ session, hop: { to } }: HopPass, { pull }: StandingRequest): string | undefined {
  const { branch = to } = session.config.environments.get(to) ?? {};
  if (pull?.base === undefined || pull.base === branch) return undefined;
  const { base, url, state, decidedBy = "somebody" } = pull;
  return state === "merged"
    ? `${decidedBy} merged ${url} into ${base}, not into ${branch}`
    : `${url} is to be merged into ${base}: turn it to ${branch} again, or close it`;
}

/** It was merged, and then the branch was put back to where it was: that is asked of git itself, which may only have been late. */
async function backOf(
  { session, hop: { to }, signal }: HopPass,
  { pull, tip }: StandingRequest,
): Promise<string | undefined> {
  const { branch = to } = session.config.environments.get(to) ?? {};
  if ((await refresh(session, signal)).get(branch) !== tip) return undefined;
  return `${pull?.decidedBy ?? "somebody"} merged ${pull?.url ?? "it"}, but ${branch} has it no more`;
}

/** Who pushed to the branch of a promotion decides what becomes of that. What is in one of the two branches is not lost. */
async function editOf(
  { session, hop, branches, known, signal }: HopPass,
  { candidate, pull, newest, tip }: StandingRequest,
): Promise<string | undefined> {
  const head = promotionBranch(hop.to);
  const at = branches.get(head);
  if (at === undefined || at === known?.commit || candidate.relation !== "ahead" || at === candidate.commit) return;
  if (await isOurs(await session.source(), at, [tip, newest], signal)) return undefined;
  const merge = pull?.state === "open" ? `merge ${pull.url} by hand, or ` : "";
  return `somebody pushed ${at.slice(0, 10)} to ${head}, which is not overwritten: ${merge}remove ${head}`;
}

/** Why a branch that follows signed commits only does not take what Trueup would merge. */
export function unsignedOf(
  { session, hop: { to } }: HopPass,
  { candidate, revision }: Pick<StandingRequest, "candidate" | "revision">,
): string | undefined {
  const isSigned = candidate.relation !== "ahead" || candidate.commit === revision;
  if (isSigned || session.config.repository.signers === undefined) return undefined;
  const short = revision.slice(0, 10);
  return `${to} follows signed commits only, and Trueup signs no merge: merge ${short} into its branch by hand, and sign it`;
}

/** Whether what was under way is in the branch, which may have got it another way. */
export async function hasArrived(
  { session, hop, known, signal }: HopPass,
  { candidate, revision, tip }: Pick<StandingRequest, "candidate" | "revision" | "tip">,
): Promise<boolean> {
  if (known === undefined || candidate.relation !== "held" || known.from !== hop.from) return false;
  if (known.revision === revision) return true;
  const { lineage } = await session.source();
  for (const holding of [revision, tip]) {
    if ((await lineage.base(known.revision, holding, signal)) === known.revision) return true;
  }
  return false;
}
