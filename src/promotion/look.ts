import { formatPlace, type TrueupError } from "../core/errors.js";
import { type JudgedGate, judged, together } from "../core/gate.js";
import { type PromotionStep, promotionStep } from "../core/promotion.js";
import { oncePer } from "../lib/once-per.js";
import type { Forge, PullRequest } from "../forges/forge.js";
import { tipOf } from "../reconcile/desired.js";
import { followedState } from "../reconcile/followed.js";
import { asTrueupError } from "../reconcile/pass.js";
import type { Session } from "../reconcile/session.js";
import type { RenderedEnvironment } from "../render/rendered.js";
import { type Candidate, candidateOf } from "./candidate.js";
import { conflictText } from "./conflict-text.js";
import { differences } from "./difference.js";
import { factsOf } from "./facts.js";
import { rememberedCandidate, type RenderedCommit, renderedAt } from "./hop-memory.js";
import type { HopPass } from "./hop-pass.js";
import { hopsAt } from "./hops.js";
import { promotionBranch } from "./promotion-desk.js";
import type { Difference } from "./report.js";
import { hasArrived, isTakenBack, standingOf, unsignedOf } from "./standing.js";

/** What was found of a hop, and what shall come of it. Nothing was done. */
export interface HopLook {
  /** The tip of the branch that is promoted into. */
  readonly tip: string;
  /** The revision that somebody or the policy wants; without one, what would travel. */
  readonly revision: string;
  readonly wanted: boolean;
  readonly candidate: Candidate;
  readonly gates: readonly JudgedGate[];
  readonly changes: readonly Difference[];
  readonly forge: Forge | undefined;
  readonly pull: PullRequest | undefined;
  readonly step: PromotionStep;
  /** What was under way is in the branch. */
  readonly arrived: boolean;
  /** See `Standing`. */
  readonly why?: string;
  /** What both sides changed, where that is in conflict. */
  readonly conflicts?: string;
  /** Why neither git nor the forge let it be merged, though all gates have passed. */
  readonly refused?: string;
}

export async function lookAtHop(pass: HopPass): Promise<HopLook> {
  const { session, hop, branches, known, wish, signal } = pass;
  if (pass.over === true) return lookAtEnd(pass);
  const tip = tipOf(session, hop.to, branches);
  const newest = tipOf(session, hop.from, branches);
  const isGone = await isTakenBack(pass, newest);
  // Of another environment, where the order was changed since, nobody wanted it. A policy goes on with what is there.
  const isVoid = known?.wantedBy === undefined || known.from !== hop.from || (isGone && hop.auto);
  const asked = wish?.revision ?? (isVoid ? undefined : known.revision);
  const revision = asked ?? newest;
  const { promotions } = await session.store();
  const { lineage } = await session.source();
  const recorded = await promotions.arrivals(hop.to);
  const request = { ...hop, revision, tip, recorded };
  const candidate = await rememberedCandidate(pass.memory, request, () => candidateOf(lineage, request, signal));
  // What the branch went back from comes again only where a person says so.
  const isWanted = asked !== undefined || (hop.auto && !(candidate.relation === "ahead" && candidate.rolledBack));
  const forge = hop.merge === "direct" && known?.pullRequest === undefined ? undefined : await session.forge();
  const pull = known === undefined && !isWanted ? undefined : await pullOf(pass, { forge, candidate });
  const { gates, changes } = await judge(pass, { revision, candidate, pull, wanted: isWanted });
  const auto = hop.auto || wish?.merge === true;
  // Nowhere to open one: a person asks for the merge itself.
  const direct = hop.merge === "direct" || forge === undefined;
  const isLost = isGone && asked === known?.revision;
  const { why: by, ...standing } = await standingOf(pass, { revision, candidate, pull, newest, tip, direct, isLost });
  const arrived = await hasArrived(pass, { candidate, revision, tip });
  const next = promotionStep({
    ...{ wanted: isWanted ? revision : undefined, tip, known, auto, ...standing },
    merge: direct ? "direct" : "pull-request",
    gates: direct && hop.merge !== "direct" && !auto ? "pending" : together(gates),
  });
  const unsigned = next === "merge" ? unsignedOf(pass, { candidate, revision }) : undefined;
  const [step, why] = unsigned === undefined ? [next, by] : (["block", unsigned] as const);
  const look = {
    ...{ tip, revision, wanted: isWanted, candidate, gates, changes, forge, pull, step, arrived },
    ...(isWanted && why !== undefined && { why }),
  };
  if (candidate.relation !== "conflicting") return look;
  const { conflicts } = candidate;
  const sides = { from: { name: hop.from, commit: revision }, to: { name: hop.to, commit: tip } };
  return { ...look, conflicts: await conflictText(session, { ...sides, conflicts }, signal) };
}

async function lookAtEnd(pass: HopPass): Promise<HopLook> {
  const { session, known } = pass;
  // Its branch may be gone with it.
  const { onto: tip = "", revision = "" } = known ?? {};
  const candidate = { relation: "held", byContent: false } as const;
  const forge = await session.forge();
  const pull = await pullOf(pass, { forge, candidate });
  const step = promotionStep({
    ...{ wanted: undefined, tip, relation: candidate.relation, gates: "pending", merge: "pull-request", auto: false },
    ...{ known, pull: pull?.state === "open" ? "open" : "absent" },
  });
  return { tip, revision, wanted: false, candidate, gates: [], changes: [], forge, pull, step, arrived: false };
}

async function pullOf(
  { hop, signal }: HopPass,
  { forge, candidate }: { forge: Forge | undefined; candidate: Candidate },
): Promise<PullRequest | undefined> {
  if (forge === undefined || candidate.relation === "unrelated") return undefined;
  return forge.find(promotionBranch(hop.to), signal);
}

interface Judging {
  readonly revision: string;
  readonly candidate: Candidate;
  readonly pull: PullRequest | undefined;
  readonly wanted: boolean;
}

async function judge(
  { session, hop, branches, memory, signal }: HopPass,
  { revision, candidate, pull, wanted }: Judging,
): Promise<Pick<HopLook, "gates" | "changes">> {
  if (candidate.relation !== "ahead") return { gates: [], changes: [] };
  const { promotions } = await session.store();
  const decisions = await promotions.decisions(hop.to, revision);
  const waivers = decisions.flatMap(({ by, gate, reason = "" }) => (gate === undefined ? [] : [{ by, gate, reason }]));
  const { commit, commits } = candidate;
  const { validation, changes } = await rendering(session, { to: hop.to, branches, commit, memory, signal });
  const facts = await factsOf(session, { hop, revision, commit, pull, wanted, commits, changes }, signal);
  const gates = await Promise.all(
    hop.gates.map(async (gate) => {
      try {
        return judged(gate.name, await gate.check(facts, signal), waivers);
      } catch (error) {
        signal.throwIfAborted();
        // What could not be asked may be there the next time.
        return judged(gate.name, { state: "pending", reason: asTrueupError(error).message }, waivers);
      }
    }),
  );
  return { gates: [...gates, judged("validation", validation, waivers)], changes };
}

/** Renders the environment as it would be: a target that would not load fails the promotion, not the environment. */
async function rendering(
  session: Session,
  { branches, ...there }: RenderedCommit & { readonly branches: ReadonlyMap<string, string> },
) {
  const { to, commit, signal } = there;
  try {
    await hopsAt(session, commit, signal);
    const after = await renderedAt(session, there);
    // Where the tip failed, an earlier one is what runs: that the promotion tries the failed one again is to be seen.
    const before = await followedState(session, { environment: to, branches, signal }).catch(() => undefined);
    const changes =
      before === undefined ? differences(before, after, session.hash()) : changesOf(session)(after)(before);
    return { validation: validated(after, to), changes };
  } catch (error) {
    signal.throwIfAborted();
    return { validation: { state: "failed", reason: faultText(asTrueupError(error)) } as const, changes: [] };
  }
}

/** Of the same two renderings they are the same: a pass in which nothing moved compares nothing. */
const changesOf = oncePer((session: Session) =>
  oncePer((after: RenderedEnvironment) =>
    oncePer((before: RenderedEnvironment) => differences(before, after, session.hash())),
  ),
);

/** With its place: who reads it on a forge has nothing else. */
function faultText({ message, where }: TrueupError): string {
  return where === undefined ? message : `${message} (${formatPlace(where)})`;
}

function validated({ targets }: RenderedEnvironment, to: string) {
  const [first, ...others] = targets.flatMap((target) =>
    "error" in target ? [`${target.name}: ${faultText(target.error)}`] : [],
  );
  if (first === undefined) return { state: "passed", reason: `${to} renders, and meets its policies` } as const;
  const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
  return { state: "failed", reason: `${first}${more}` } as const;
}
