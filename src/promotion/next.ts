import { commandFor } from "./gates/gate.js";
import type { HopLook } from "./look.js";
import type { Hop } from "./policy.js";
import type { PromotionState } from "./report.js";

/** What a person can do now, the most likely first; beside what `reason` says already. */
export function nextOf(
  { from, to }: Hop,
  { gates, pull, revision }: HopLook,
  state: PromotionState,
): readonly string[] {
  if (state === "blocked") return [`see what both have: \`trueup compare ${from} ${to}\``];
  if (state === "declined") {
    return [`reopen ${pull?.url ?? "its pull request"}, or bring another revision to ${from}`];
  }
  const open = gates.filter((gate) => gate.state === "pending" || gate.state === "failed");
  if (state !== "waiting" || open.length === 0) return [];
  const todo = new Set(open.flatMap((gate) => gate.todo ?? []));
  // No gate is named: nobody shall paste what lets it past all of them.
  const waive = `${commandFor({ from, to, revision })} --waive GATE --because REASON`;
  return [...todo, `let it past a gate on your word: \`${waive}\``];
}
