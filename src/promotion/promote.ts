import PQueue from "p-queue";
import { TrueupError } from "../core/errors.js";
import type { RevisionForge } from "../forges/forge.js";
import { oncePer } from "../lib/once-per.js";
import { refresh } from "../reconcile/environment.js";
import { withLease } from "../reconcile/lease.js";
import type { Session } from "../reconcile/session.js";
import { ARRIVED, settled, squashOf } from "./arrived.js";
import { dueStatus, putStatus } from "./commit-status.js";
import { event, forget, isQuiet, keep, keptOf, numbered, promotedEvent } from "./keep.js";
import type { HopPass } from "./hop-pass.js";
import { type HopLook, lookAtHop } from "./look.js";
import type { Hop } from "./policy.js";
import { type KeptPromotion, loadPromotions, promotionBranch } from "./promotion-desk.js";
import type { HopReport } from "./report.js";
import { promotionContent } from "./text.js";
import { hopReport, reasonOf } from "./words.js";

/**
 * Tends one hop: looks, and does what the table in core/promotion.ts says. What is about to be done is kept before it is done;
 * branches move compare-and-set; a pull request is looked for before one is opened. So a crash anywhere is made good by the
 * next pass.
 * @throws TrueupError of git, of the forge and of the store; nothing is lost, the next pass begins anew
 */
export async function tendHop(pass: HopPass): Promise<HopReport> {
  const first = await lookAtHop(pass);
  await noteContent(pass, first);
  if (await isIdle(pass, first)) return hopReport(pass, first, pass.known);
  const { session, hop } = pass;
  const lease = { environment: `promotion/${hop.to}`, patience: pass.wish === undefined ? 0 : PATIENCE };
  const work = async () => {
    const known = (await loadPromotions(session)).get(hop.to);
    const { branch = hop.to } = session.config.environments.get(hop.to) ?? {};
    const isStill = isSame(known, pass.known) && (await session.source()).tip(branch) === first.tip;
    // Who had it before may have brought the revision in: it is told once.
    const fresh = isStill ? pass : { ...pass, known, branches: await refresh(session, pass.signal) };
    const look = isStill ? first : await lookAtHop(fresh);
    const rest = await settled(fresh, look);
    const came = rest === undefined ? await tended(fresh, look) : await tended(rest, await lookAtHop(rest));
    return hopReport(pass, came, (await loadPromotions(session)).get(hop.to));
  };
  const done = await turnsOf(session, hop.to).add(() => withLease(session, lease, work));
  if (done.held) return done.result;
  throw new TrueupError("STORE_BUSY", `${done.by} is promoting into ${hop.to}`, { hint: "the next pass looks again" });
}

const queues = oncePer<Session, Map<string, PQueue>>(() => new Map());

/** The lease keeps other controllers out. Within one, its loop and people who decide share it: they take turns. */
function turnsOf(session: Session, to: string): PQueue {
  const known = queues(session).get(to) ?? new PQueue({ concurrency: 1 });
  queues(session).set(to, known);
  return known;
}

/** Looks, and tells of a hop at which nothing is to be done; undefined where something is: see `tendHop`. */
export async function idleReport(pass: HopPass): Promise<HopReport | undefined> {
  const look = await lookAtHop(pass);
  await noteContent(pass, look);
  return (await isIdle(pass, look)) ? hopReport(pass, look, pass.known) : undefined;
}

async function isIdle(pass: HopPass, look: HopLook): Promise<boolean> {
  return (look.step === "nothing" || isQuiet(pass.known, look)) && (await dueStatus(pass, look)) === undefined;
}

/** What came of it: the look, and how it is after what was done. */
async function tended(pass: HopPass, look: HopLook): Promise<HopLook> {
  // Before anything else: a protected branch may ask for it.
  const due = await dueStatus(pass, look);
  const status = due === undefined ? pass.known?.status : await putStatus(pass, due);
  const { known } = pass;
  if (isQuiet(known, look)) {
    if (known !== undefined && status !== undefined) await keep(pass, { ...known, status });
    return look;
  }
  const came = await act({ ...pass, ...(status !== undefined && { status }) }, look);
  if (came.step === "open" || came.step === "update") await tellNewHead(pass, came);
  return came;
}

/** What was pushed just now can be told how its gates stand. */
async function tellNewHead(pass: HopPass, look: HopLook): Promise<void> {
  const { session, hop, branches } = pass;
  const known = (await loadPromotions(session)).get(hop.to);
  if (known?.commit === undefined) return;
  const pushed = { ...pass, known, branches: new Map(branches).set(promotionBranch(hop.to), known.commit) };
  const due = await dueStatus(pushed, look);
  const status = due === undefined ? undefined : await putStatus(pushed, due);
  if (status !== undefined) await keep(pass, { ...known, status });
}

/**
 * Both sides came to the same by themselves, as after a back-port: noted, so that a later change back is a hotfix, and not
 * what a promotion was to bring.
 */
async function noteContent({ session, hop, known }: HopPass, { candidate, tip, revision }: HopLook): Promise<void> {
  if (candidate.relation !== "held" || !candidate.byContent || known !== undefined) return;
  const { promotions } = await session.store();
  await promotions.save(hop.to, { arrival: { commit: tip, revision }, events: [] });
}

/** How long a person waits for another controller, in milliseconds. */
const PATIENCE = 30_000;

function isSame(one: KeptPromotion | undefined, other: KeptPromotion | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

async function act(pass: HopPass, look: HopLook): Promise<HopLook> {
  switch (look.step) {
    case "nothing":
      break;
    case "open":
    case "update":
      await propose(pass, look);
      break;
    case "merge": {
      const came = await merge(pass, look);
      // The environment applies it now, and not at the next interval. One that was refused would ring for ever.
      if (came.step === "merge") pass.session.decided.ring();
      return came;
    }
    case "wait":
    case "block":
    case "declined":
      await tell(pass, look);
      break;
    case "close":
    case "forget":
      await end(pass, look);
  }
  return look;
}

/** Pushes the promotion's branch, and opens its pull request or brings it up to date. */
async function propose(pass: HopPass, look: HopLook): Promise<void> {
  const { session, hop, branches, signal } = pass;
  const { candidate, forge, pull: found } = look;
  if (candidate.relation !== "ahead" || forge === undefined) return;
  const head = promotionBranch(hop.to);
  const at = branches.get(head);
  const { lineage } = await session.source();
  if (at !== candidate.commit) {
    await lineage.move({ branch: head, to: candidate.commit, ...(at === undefined ? {} : { from: at }) }, signal);
  }
  const kept = keptOf(pass, look);
  await keep(pass, kept);
  const content = promotionContent(hop, look);
  if (found?.state === "open") {
    await forge.update(found.number, { content }, signal);
    return keep(pass, { ...kept, pullRequest: numbered(found) });
  }
  const { branch: base = hop.to } = session.config.environments.get(hop.to) ?? {};
  const opened = await forge.open({ ...content, head, base, reviewers: reviewersOf(hop, look) }, signal);
  const message = `proposes ${look.revision.slice(0, 10)} of ${hop.from}: ${opened.url}`;
  await keep(pass, { ...kept, pullRequest: numbered(opened) }, event(pass, "promotion-proposed", message));
}

/** Those for whose word a gate waits. */
function reviewersOf({ gates }: Hop, look: HopLook): readonly string[] {
  const open = new Set(look.gates.flatMap(({ name, state }) => (state === "pending" ? [name] : [])));
  const people = gates.flatMap((gate) => (open.has(gate.name) ? (gate.people ?? []) : []));
  // As the forge has them: a team without the sign by which a policy tells it from a login.
  return [...new Set(people.map((name) => name.replace(/^@/, "")))];
}

async function merge(pass: HopPass, look: HopLook): Promise<HopLook> {
  const { session, hop, branches, known, signal } = pass;
  const { candidate, tip, revision, forge, pull } = look;
  if (candidate.relation !== "ahead") return look;
  const kept = { ...keptOf(pass, look), ...(known?.pullRequest && { pullRequest: known.pullRequest }) };
  await keep(pass, kept);
  const { lineage } = await session.source();
  const { branch = hop.to } = session.config.environments.get(hop.to) ?? {};
  try {
    await lineage.move({ branch, from: tip, to: candidate.commit }, signal);
  } catch (error) {
    const isProtected = error instanceof TrueupError && error.code === "PERMISSION_DENIED";
    if (!isProtected || pull?.state !== "open" || forge?.revisions === undefined) throw error;
    const head = branches.get(promotionBranch(hop.to));
    return mergeOnForge(pass, look, { head, number: pull.number, revisions: forge.revisions });
  }
  if (pull?.state === "open") await forge?.update(pull.number, { comment: MERGED, close: true, merged: true }, signal);
  const arrival = { commit: candidate.commit, revision };
  await forget(pass, arrival, promotedEvent(pass, { ...arrival, gates: kept.gates, mergedBy: undefined }));
  return look;
}

interface ForgeMerge {
  /** Where the promotion's branch is. */
  readonly head: string | undefined;
  readonly number: number;
  readonly revisions: RevisionForge;
}

/** The branch takes pull requests only. That it arrived is seen as with one that a person merges. */
async function mergeOnForge(pass: HopPass, look: HopLook, { head, number, revisions }: ForgeMerge): Promise<HopLook> {
  const { hop, known, signal } = pass;
  const { candidate, revision } = look;
  if (candidate.relation !== "ahead") return look;
  if (head !== candidate.commit) {
    await propose(pass, look);
    return { ...look, step: "update" };
  }
  const { refused } = await revisions.merge(number, head, signal);
  if (refused === undefined) return look;
  const waits: HopLook = { ...look, step: "wait", refused };
  const told = `refused\n${refused}`;
  const kept = { ...keptOf(pass, look), ...(known?.pullRequest && { pullRequest: known.pullRequest }), told };
  // It is tried again in every pass: reviews and checks that the branch asks for may come.
  const isTold = known?.told === told && known.revision === revision;
  await keep(pass, kept, isTold ? undefined : event(pass, "promotion-waits", reasonOf(hop, waits), revision));
  return waits;
}

const MERGED = "All gates have passed: Trueup merged it.";
const CLOSED = "Nobody wants this any more: the environment is out of the order, or the revision was taken back.";

/** Says what the gates say now, in the history and on the pull request. */
async function tell(pass: HopPass, look: HopLook): Promise<void> {
  const { hop, known, signal } = pass;
  const { step, forge, pull, candidate } = look;
  const kept = { ...keptOf(pass, look), ...(known?.pullRequest && { pullRequest: known.pullRequest }) };
  if (pull?.state === "open" && candidate.relation === "ahead") {
    await forge?.update(pull.number, { content: promotionContent(hop, look) }, signal);
  }
  const type = step === "wait" ? "promotion-waits" : step === "block" ? "promotion-blocked" : "promotion-declined";
  await keep(pass, kept, event(pass, type, reasonOf(hop, look), look.revision));
}

/** The promotion arrived, or is over without. */
async function end(pass: HopPass, look: HopLook): Promise<void> {
  const { known, signal } = pass;
  const { candidate, forge, pull, revision, tip, arrived } = look;
  if (pull?.state === "open") {
    if (known !== undefined) await keep(pass, { ...known, closing: true });
    await forge?.update(
      pull.number,
      { comment: arrived ? ARRIVED : CLOSED, close: true, ...(arrived && { merged: true }) },
      signal,
    );
  }
  if (!arrived || known === undefined) {
    return forget(pass, undefined, event(pass, "promotion-over", "nothing is to be promoted any more"));
  }
  const isByContent = candidate.relation === "held" && candidate.byContent;
  const commit = isByContent ? tip : (await squashOf(pass, known, tip))?.id;
  const arrival = commit === undefined ? undefined : { commit, revision };
  const { gates } = known;
  const told = { revision: known.revision, commit: commit ?? tip, mergedBy: pull?.decidedBy, gates };
  await forget(pass, arrival, promotedEvent(pass, told));
}
