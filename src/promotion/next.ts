import { commandFor } from "./gates/gate.js";
import type { HopLook } from "./look.js";
import type { Hop } from "./policy.js";
import type { PromotionState } from "./report.js";

type Looked = Pick<HopLook, "candidate" | "gates" | "pull" | "revision">;

/** What a person can do now, the most likely first; beside what `reason` says already. */
export function nextOf(
  { from, to }: Pick<Hop, "from" | "to">,
  { candidate, gates, pull, revision }: Looked,
  state: PromotionState,
): readonly string[] {
  // What else blocks it says in its reason what to do.
  if (state === "blocked") {
    return candidate.relation === "conflicting" ? [`see what both have: \`trueup compare ${from} ${to}\``] : [];
  }
  if (state === "declined") {
    const reopen = pull?.state === "closed" ? [`reopen ${pull.url}, where that can be`] : [];
    return [...reopen, `commit another revision to ${from}: it is proposed anew`];
  }
  const open = gates.filter((gate) => gate.state === "pending" || gate.state === "failed");
  if (state !== "waiting" || open.length === 0) return [];
  const todo = new Set(open.flatMap((gate) => gate.todo ?? []));
  // No gate is named: nobody shall paste what lets it past all of them.
  const waive = `${commandFor({ from, to, revision })} --waive GATE --because REASON`;
  return [...todo, `let it past a gate on your word: \`${waive}\``];
}
