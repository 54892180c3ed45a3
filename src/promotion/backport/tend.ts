import { TrueupError } from "../../core/errors.js";
import type { PromotionStep } from "../../core/promotion.js";
import { tipOf } from "../../reconcile/desired.js";
import { followedState } from "../../reconcile/followed.js";
import { withLease } from "../../reconcile/lease.js";
import type { NewEvent } from "../../store/store.js";
import { type BackportLook, type BackportPass, lookAtBackport } from "./look.js";
import { backportContent, backportReason } from "./text.js";
import { differences } from "../difference.js";
import { renderedAt } from "../hop-memory.js";
import { backportBranch, backportKey, encodePromotion, type KeptPromotion, loadPromotions } from "../promotion-desk.js";
import type { Difference } from "../report.js";

/**
 * Offers what an environment's branch has of its own to the first branch of the order, in one pull request that follows both
 * branches. As with promotions, a crash anywhere is made good by the next pass.
 * @throws TrueupError of git, of the forge and of the store
 */
export async function tendBackport(pass: BackportPass): Promise<void> {
  const { session, environment, known } = pass;
  const before = pass.found.get(environment);
  const look = await lookAtBackport(pass);
  if (pass.found.get(environment) !== before) await settle(pass, look.hotfixes.settled);
  if (look.step === "nothing" || isQuiet(known, look)) return;
  const key = backportKey(environment);
  await withLease(session, { environment: key, patience: 0 }, async () => {
    // Another controller was here since: the next pass sees what it left.
    if (encoded((await loadPromotions(session)).get(key)) === encoded(known)) await act(pass, look);
  });
}

function encoded(kept: KeptPromotion | undefined): string {
  return kept === undefined ? "" : encodePromotion(kept);
}

/** What the first branch had once is not offered again, whatever becomes of it there. */
async function settle({ session, environment, branches, into }: BackportPass, ids: readonly string[]): Promise<void> {
  if (into === undefined) return;
  const { promotions } = await session.store();
  const revision = tipOf(session, into, branches);
  const promotion = (await promotions.load()).get(backportKey(environment));
  for (const commit of ids) {
    await promotions.save(backportKey(environment), { promotion, arrival: { commit, revision }, events: [] });
  }
}

/** Nothing is to be done, and nothing that was told has changed. */
function isQuiet(known: KeptPromotion | undefined, look: BackportLook): boolean {
  if (look.step !== "wait" && look.step !== "block" && look.step !== "declined") return false;
  return known?.told === toldOf(look) && known.revision === look.revision;
}

function toldOf({ step, hotfixes: { conflicting } }: BackportLook): string {
  const isOffered = step === "open" || step === "update" || step === "wait";
  return [isOffered ? "offered" : step, ...conflicting.map(({ hotfix }) => hotfix.id)].join("\n");
}

async function act(pass: BackportPass, look: BackportLook): Promise<void> {
  const isMerged = look.pull?.state === "merged" && look.step !== "wait";
  if (isMerged || look.step === "close" || look.step === "forget") return end(pass, look);
  if (look.step === "open" || look.step === "update") return propose(pass, look);
  const type = look.forge === undefined && look.step === "wait" ? "backport-wanted" : `backport-${WORDS[look.step]}`;
  await keep(pass, keptOf(pass, look), event(pass, type, backportReason(pass, look)));
}

const WORDS: Readonly<Partial<Record<PromotionStep, string>>> = {
  ...{ wait: "waits", block: "blocked", declined: "declined" },
};

/** Pushes the branch, and opens its pull request or brings it up to date. */
async function propose(pass: BackportPass, look: BackportLook): Promise<void> {
  const { session, environment, into = "", branches, known, signal } = pass;
  const { hotfixes, forge, pull } = look;
  if (forge === undefined) return;
  const head = backportBranch(environment);
  const at = branches.get(head);
  if (at !== undefined && at !== hotfixes.commit && at !== known?.commit) {
    throw new TrueupError("GIT_MOVED", `somebody pushed to ${head}: it is not overwritten`, {
      hint: "merge or close its pull request, or remove the branch; what is left is offered anew then",
    });
  }
  if (at !== hotfixes.commit) {
    const { lineage } = await session.source();
    await lineage.move({ branch: head, to: hotfixes.commit, ...(at === undefined ? {} : { from: at }) }, signal);
  }
  const kept = keptOf(pass, look);
  await keep(pass, kept);
  const content = backportContent(pass, look, await changesFor(pass, look));
  if (pull?.state === "open") {
    await forge.update(pull.number, { content }, signal);
    return keep(pass, { ...kept, pullRequest: { number: pull.number, url: pull.url } });
  }
  const { branch: base = into } = session.config.environments.get(into) ?? {};
  const opened = await forge.open({ ...content, head, base, reviewers: [] }, signal);
  const told = event(pass, "backport-proposed", backportReason(pass, { ...look, pull: opened }));
  await keep(pass, { ...kept, pullRequest: { number: opened.number, url: opened.url } }, told);
}

/** For the first environment; undefined where it does not render with them. */
async function changesFor(
  { session, into = "", branches, signal }: BackportPass,
  { hotfixes: { commit } }: BackportLook,
): Promise<readonly Difference[] | undefined> {
  try {
    const after = await renderedAt(session, { to: into, commit, memory: undefined, signal });
    const now = await followedState(session, { environment: into, branches, signal }).catch(() => undefined);
    return differences(now, after, session.hash());
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

/** The first branch has all of it, or nothing is to be offered any more. */
async function end(pass: BackportPass, look: BackportLook): Promise<void> {
  const { forge, pull, hotfixes } = look;
  const { session, environment, into, branches, known, found: memory, signal } = pass;
  const ids = known?.revision.split(" ") ?? [];
  if (pull?.state === "merged") {
    await settle(pass, ids);
    memory.delete(environment);
  }
  const hasArrived = into !== undefined && (await areThere(pass, look, ids));
  const gone = hotfixes.tooMany === undefined ? `${environment} has it no more` : backportReason(pass, look);
  const message = hasArrived ? `${into} has all of it` : into === undefined ? OVER : gone;
  if (pull?.state === "open") {
    if (known !== undefined) await keep(pass, { ...known, closing: true });
    const comment = `Nothing is left to bring back: ${message}.`;
    await forge?.update(pull.number, { comment, close: true, ...(hasArrived && { merged: true }) }, signal);
  }
  const head = backportBranch(environment);
  const at = branches.get(head);
  // What somebody added to the branch stays.
  if (at !== undefined && at === known?.commit) {
    const source = await session.source();
    await source.remove(head, at, signal).catch(() => {
      signal.throwIfAborted();
    });
  }
  await keep(pass, undefined, event(pass, "backport-over", `nothing is left to bring back: ${message}`));
}

/** Whether the first branch has these hotfixes: by their content, or the very commits. */
async function areThere(
  { session, environment, signal }: BackportPass,
  { onto }: BackportLook,
  ids: readonly string[],
): Promise<boolean> {
  const { promotions } = await session.store();
  const { lineage } = await session.source();
  const settled = await promotions.arrivals(backportKey(environment));
  for (const id of ids) if (!settled.has(id) && (await lineage.base(id, onto, signal)) !== id) return false;
  return true;
}

const OVER = "the environment is out of the order, or the policy offers nothing back";

function keptOf({ environment, known }: BackportPass, look: BackportLook): KeptPromotion {
  const { revision, onto, hotfixes } = look;
  const commit = hotfixes.picked.length > 0 ? hotfixes.commit : known?.commit;
  return {
    ...{ from: environment, revision, onto, closing: false, told: toldOf(look) },
    since: known?.since ?? new Date().toISOString(),
    ...(commit === undefined ? {} : { commit }),
    ...(known?.pullRequest && { pullRequest: known.pullRequest }),
  };
}

async function keep(
  { session, environment }: BackportPass,
  kept: KeptPromotion | undefined,
  told?: NewEvent,
): Promise<void> {
  const { promotions } = await session.store();
  const promotion = kept === undefined ? undefined : encodePromotion(kept);
  await promotions.save(backportKey(environment), { promotion, events: told === undefined ? [] : [told] });
}

function event({ session, environment }: BackportPass, type: string, message: string): NewEvent {
  session.log.info({ environment, event: type }, message);
  return { environment, type, message };
}
