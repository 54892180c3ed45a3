import { type JudgedGate, together } from "../core/gate.js";
import type { CommitStatus } from "../forges/forge.js";
import { asTrueupError } from "../reconcile/pass.js";
import type { HopPass } from "./hop-pass.js";
import type { HopLook } from "./look.js";
import { promotionBranch } from "./promotion-desk.js";
import { reasonOf } from "./words.js";

/** What a commit on the forge is to be told, and by which it is known that it was. */
export interface DueStatus extends CommitStatus {
  readonly commit: string;
  readonly key: string;
}

/** `trueup/<environment>` on the commit that is to arrive, so that a protected branch can ask for it; undefined where it says so already. */
export async function dueStatus(pass: HopPass, look: HopLook): Promise<DueStatus | undefined> {
  const { session, hop, known } = pass;
  const commit = commitOf(pass, look);
  if (commit === undefined || (await session.forge())?.revisions === undefined) return undefined;
  const isBlocked = look.step === "block";
  const state = isBlocked ? "failure" : STATES[together(look.gates)];
  const description = isBlocked ? `blocked: ${reasonOf(hop, look)}` : summary(look.gates);
  const key = [commit, state, description].join("\n");
  if (key === known?.status) return undefined;
  return { commit, key, context: `trueup/${hop.to}`, state, description };
}

const STATES = { passed: "success", pending: "pending", failed: "failure" } as const;

/** The commit as the forge has it: a merge only once its branch is pushed. */
function commitOf({ hop, branches }: HopPass, { candidate, wanted, step, revision, pull }: HopLook) {
  if (!wanted || step === "declined" || step === "nothing") return undefined;
  const head = branches.get(promotionBranch(hop.to));
  // What the open pull request brings passed at its time: nobody shall merge it on the strength of that.
  if (step === "block") return pull?.state === "open" ? head : undefined;
  if (candidate.relation !== "ahead") return undefined;
  return candidate.commit === revision || candidate.commit === head ? candidate.commit : undefined;
}

/** Without what runs down: it changes as a gate changes. */
function summary(gates: readonly JudgedGate[]): string {
  const named = (["failed", "pending", "waived", "passed"] as const).flatMap((state) => {
    const names = gates.flatMap((gate) => (gate.state === state ? [gate.name] : []));
    return names.length === 0 ? [] : [`${state}: ${names.join(", ")}`];
  });
  return named.join("; ");
}

/** Puts it there, and gives back by what it is known. Where the forge does not take it, that is logged: it holds no promotion back. */
export async function putStatus({ session, hop, signal }: HopPass, due: DueStatus): Promise<string | undefined> {
  const { commit, key, ...status } = due;
  try {
    await (await session.forge())?.revisions?.status(commit, status, signal);
    return key;
  } catch (error) {
    signal.throwIfAborted();
    const { code, message, hint } = asTrueupError(error);
    const what = `the status of ${commit.slice(0, 10)} is not told: ${message}`;
    session.log.warn({ environment: hop.to, event: "commit-status", code, hint }, what);
    // What is refused for good is not asked in every pass.
    return code === "DELIVERY_REFUSED" ? key : undefined;
  }
}
