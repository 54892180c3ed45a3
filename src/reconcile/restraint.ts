import type { Finding } from "../core/finding.js";
import type { Action } from "../core/policy.js";

/** A decision that stands between the policy and the act, with what a person reads of it. */
export interface Restrained {
  readonly why: "held" | "flapping" | "waiting";
  readonly note: string;
  /** What is left of the policy's actions. */
  readonly actions: readonly Action[];
}

/** Says of a finding whether something holds it back; undefined where nothing does. Pure: what it knows it was given. */
export type Restraint = (finding: Finding, actions: readonly Action[]) => Restrained | undefined;

/** The first restraint that speaks. */
export function restrain(
  restraints: readonly Restraint[],
  finding: Finding,
  actions: readonly Action[],
): Restrained | undefined {
  for (const restraint of restraints) {
    const found = restraint(finding, actions);
    if (found !== undefined) return found;
  }
  return undefined;
}
