import { type JudgedGate, withSince } from "../core/gate.js";
import type { HopPass } from "./hop-pass.js";
import type { HopLook } from "./look.js";
import { nextOf } from "./next.js";
import type { Hop } from "./policy.js";
import type { KeptPromotion } from "./promotion-desk.js";
import type { HopReport, PromotionState } from "./report.js";

/** How a hop stands, in a word. */
function stateOf({ step, candidate, wanted, arrived }: HopLook, over: boolean): PromotionState {
  if (over) return "idle";
  if (step === "merge" || (arrived && (step === "forget" || step === "close"))) return "promoted";
  if (step === "block" || step === "declined") return step === "block" ? "blocked" : "declined";
  return wanted && candidate.relation === "ahead" ? "waiting" : "idle";
}

/** Why it stands so, as a sentence. */
export function reasonOf(hop: Hop, look: HopLook): string {
  const { candidate, gates, step, wanted, pull, why } = look;
  if (why !== undefined) return why;
  switch (candidate.relation) {
    case "held":
      return `${hop.to} has all of it`;
    case "unrelated":
      if (candidate.lost !== undefined) {
        return `${hop.to} was promoted from ${candidate.lost.slice(0, 10)}, which is gone: merge ${hop.from} into it once by hand`;
      }
      return `the branches of ${hop.from} and ${hop.to} have no common history: merge them once by hand`;
    case "conflicting": {
      const { conflicts = "the same" } = look;
      const hotfixes = candidate.hotfixes.map(({ id, subject }) => `${id.slice(0, 10)} ${subject}`).join("; ");
      const against = hotfixes === "" ? "" : `, against ${hotfixes}`;
      return `both changed ${conflicts}${against}: bring the change of ${hop.to} into ${hop.from}, or merge by hand`;
    }
    case "ahead":
      break;
  }
  if (step === "declined") return `${pull?.decidedBy ?? "somebody"} closed ${pull?.url ?? "its pull request"}`;
  if (look.refused !== undefined) return `all gates have passed, but it is not let in: ${look.refused}`;
  if (step === "merge") return "all gates have passed";
  if (!wanted) {
    return candidate.rolledBack
      ? `${hop.to} was rolled back from it: \`trueup promote ${hop.from} ${hop.to}\` brings it again`
      : `\`trueup promote ${hop.from} ${hop.to}\` promotes it`;
  }
  const open = gates.filter(({ state }) => state === "failed" || state === "pending");
  if (open.length > 0) return open.map(gateText).join("; ");
  if (pull !== undefined) return `all gates have passed: merge ${pull.url}`;
  return `all gates have passed: \`trueup promote ${hop.from} ${hop.to} --merge\` merges it`;
}

function gateText({ name, state, reason }: JudgedGate): string {
  return `${name} ${state}: ${reason}`;
}

const MOST_COMMITS = 50;

/** @param known what the store has of it now */
export function hopReport({ hop, over = false }: HopPass, look: HopLook, known: KeptPromotion | undefined): HopReport {
  const { candidate, wanted, revision, gates, changes, pull, step } = look;
  const open = pull?.state === "open" ? { number: pull.number, url: pull.url } : known?.pullRequest;
  const isDone = step === "merge" || step === "close" || step === "forget" || step === "declined";
  const commits = candidate.relation === "ahead" ? candidate.commits.slice(0, MOST_COMMITS) : [];
  const state = stateOf(look, over);
  return {
    ...{ from: hop.from, to: hop.to, state },
    revision: candidate.relation === "held" && (!wanted || step === "nothing") ? null : revision,
    reason: over ? `nothing is promoted into ${hop.to} any more` : reasonOf(hop, look),
    ...(known === undefined ? {} : { since: known.since }),
    ...(known?.wantedBy === undefined ? {} : { wantedBy: known.wantedBy }),
    gates: withSince(gates, known?.revision === revision ? (known.gates ?? []) : [], undefined),
    next: over ? [] : nextOf(hop, look, state),
    commits: commits.map(({ id, author, subject }) => ({ id, author, subject })),
    changes,
    ...(candidate.relation === "ahead" && candidate.bySetting.length > 0
      ? { mergedBySetting: candidate.bySetting }
      : {}),
    ...(open === undefined || isDone ? {} : { pullRequest: open }),
    ...(step === "nothing" || step === "wait" ? {} : { did: step }),
  };
}
