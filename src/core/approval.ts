import type { Refusal } from "./guards.js";

/** Whether the policy asks for an approval of a plan, and whether a person gave it to this very plan. */
export type ApprovalState = "not asked" | "missing" | "given";

export interface Standing {
  readonly approval: ApprovalState;
  readonly freeze: Refusal;
  readonly blast: Refusal;
  /** A person lets the plan through the guards, whatever it turns out to be. */
  readonly confirm: boolean;
}

export interface PlanRefusal {
  readonly code: "GUARD_REFUSED" | "APPROVAL_REQUIRED";
  /** All that speaks against the plan beside the approval: who lets it through lets it through all. */
  readonly reasons: readonly string[];
}

/**
 * Whether a plan is written. An approval is of one plan, which a person has read: it is worth a confirmation of its size, but
 * says nothing of when. A confirmation is of whatever the plan is by then: it stands in for no approval.
 *
 * | approval  | freeze | blast radius | confirm | then                          |
 * |-----------|--------|--------------|---------|-------------------------------|
 * | not asked | no     | within       | no      | written                       |
 * | not asked | yes    | within       | no      | GUARD_REFUSED: freeze         |
 * | not asked | no     | beyond       | no      | GUARD_REFUSED: blast          |
 * | not asked | yes    | beyond       | no      | GUARD_REFUSED: freeze, blast  |
 * | not asked | any    | any          | yes     | written                       |
 * | missing   | no     | within       | no      | APPROVAL_REQUIRED             |
 * | missing   | yes    | within       | no      | APPROVAL_REQUIRED: freeze     |
 * | missing   | no     | beyond       | no      | APPROVAL_REQUIRED: blast      |
 * | missing   | yes    | beyond       | no      | APPROVAL_REQUIRED: freeze, blast |
 * | missing   | any    | any          | yes     | APPROVAL_REQUIRED             |
 * | given     | no     | any          | any     | written                       |
 * | given     | yes    | any          | no      | GUARD_REFUSED: freeze         |
 * | given     | yes    | any          | yes     | written                       |
 */
export function refusalOf({ approval, freeze, blast, confirm }: Standing): PlanRefusal | undefined {
  const against = confirm ? [] : approval === "given" ? [freeze] : [freeze, blast];
  const reasons = against.filter((reason) => reason !== undefined);
  if (approval === "missing") return { code: "APPROVAL_REQUIRED", reasons };
  return reasons.length === 0 ? undefined : { code: "GUARD_REFUSED", reasons };
}
