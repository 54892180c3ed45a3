import { type ApprovalState, type PlanRefusal, refusalOf } from "../core/approval.js";
import type { Change } from "../core/change.js";
import { changeOf, type Finding } from "../core/finding.js";
import { type Freeze, freezeRefusal } from "../core/freeze.js";
import { blastRefusal } from "../core/guards.js";
import type { Guards } from "../core/policy.js";
import type { Judged } from "./judge.js";

/** What a person said on the command line. The controller says nothing of this. */
export interface Wishes {
  /** A person asks for the pending revision, where `sync: manual` waits for one. */
  readonly sync: boolean;
  /** Lets a plan through the blast radius and a freeze, and a loss through as real; stands in for no approval. */
  readonly confirm: boolean;
  /** Takes one side of everything that differs. */
  readonly adopt?: "desired" | "live";
  /** Just these findings are written, whatever the policy says of them. */
  readonly heal?: (finding: Finding) => boolean;
  /** A person decided on exactly these values elsewhere, and with them in view: no other approval is asked for. */
  readonly decided?: true;
}

export interface Plan {
  readonly findings: readonly Finding[];
  readonly changes: readonly Change[];
  /** Its hash, where the policy asks for an approval of it. */
  readonly hash: string | undefined;
  /** Why the plan is not carried out. */
  readonly refusal: PlanRefusal | undefined;
}

/** What is to be known of approvals to make a plan. */
export interface Approving {
  readonly asks: (planned: readonly Judged[]) => boolean;
  readonly hash: (planned: readonly Judged[]) => string;
  /** The hash of the plan that was approved. */
  readonly approved: string | undefined;
}

export interface PlanOptions {
  readonly wishes: Wishes;
  readonly guards: Guards;
  /** Asked where something would be written. */
  readonly freeze: () => Freeze | undefined;
  readonly managed: number;
  /** Whether the target is git's alone: settings that git does not name are git's to remove. */
  readonly exclusive: boolean;
  /** Whether a revision failed, and what it changed is being restored: that is what is pending. */
  readonly restoring: boolean;
  readonly approving: Approving;
}

/**
 * What shall be written, of what was found. Pure.
 *
 * Guards keep production from what is new to it. What a failed revision changed is Trueup's own write of a while ago, and what it
 * was before is known to be good: to wait for a person, or for Monday, with a revision that is known to be bad helps nobody.
 *
 * | guards | pending is restored | drift beside it | then                                                   |
 * |--------|---------------------|-----------------|--------------------------------------------------------|
 * | agree  | any                 | any             | all of it is written                                   |
 * | refuse | no                  | any             | nothing is written                                     |
 * | refuse | yes                 | no              | it is restored                                         |
 * | refuse | yes                 | yes             | it is restored; the drift is refused by the next pass  |
 */
export function planOf(judged: readonly Judged[], options: PlanOptions): Plan {
  const { wishes, guards, freeze, managed, exclusive, restoring, approving } = options;
  const planned = judged.filter((one) => wanted(one, { ...wishes, exclusive }));
  const findings = planned.map(({ finding }) => finding);
  if (planned.length === 0) return { findings, changes: [], hash: undefined, refusal: undefined };
  const hash = wishes.decided !== true && approving.asks(planned) ? approving.hash(planned) : undefined;
  const refusal = refusalOf({
    approval: stateOf(hash, approving.approved),
    freeze: freezeRefusal(freeze()),
    blast: blastRefusal(findings, managed, guards.blastRadius),
    confirm: wishes.confirm,
  });
  const restored = restoring && refusal !== undefined ? findings.filter(({ kind }) => kind === "pending") : [];
  if (restored.length === 0) return { findings, changes: findings.map(changeOf), hash, refusal };
  return { findings: restored, changes: restored.map(changeOf), hash: undefined, refusal: undefined };
}

function stateOf(hash: string | undefined, approved: string | undefined): ApprovalState {
  if (hash === undefined) return "not asked";
  return hash === approved ? "given" : "missing";
}

/** Whether a finding is to be written, by what the policy says and a person asks for. */
export function wanted(
  { finding, decision, note, restrained }: Judged,
  { sync, adopt, heal, exclusive }: Wishes & { exclusive: boolean },
): boolean {
  // A hold stands above what a person asks of all that differs; who means the held setting releases it.
  if (adopt === "live" || restrained === "held") return false;
  if (heal !== undefined) return heal(finding);
  if (adopt === "desired" && (finding.kind !== "unmanaged" || exclusive)) return true;
  if (finding.kind === "pending" && sync) return note === undefined;
  return decision.actions.includes("heal") || decision.actions.includes("sync");
}
