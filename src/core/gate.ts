/** What a gate says of a revision. `waived`: a person let it through, with a reason. */
export type GateState = "passed" | "waived" | "pending" | "failed";

export interface GateVerdict {
  readonly state: Exclude<GateState, "waived">;
  /** A sentence for a person: what it waits for, what it found. */
  readonly reason: string;
  /** Who let it through, where people do. */
  readonly by?: readonly string[];
  /** What a person can do about it: a sentence with the command. */
  readonly todo?: string;
}

/** One gate of a hop, judged. */
export interface JudgedGate {
  readonly name: string;
  readonly state: GateState;
  readonly reason: string;
  /** Who let it through: approved the revision, or waived the gate. */
  readonly by?: readonly string[];
  readonly todo?: string;
  /** ISO 8601: since when it is in that state, where the promotion is under way. */
  readonly since?: string;
}

export interface Waiver {
  readonly gate: string;
  readonly by: string;
  readonly reason: string;
}

/** A waiver lets a gate through that has not passed by itself; one that has is only passed. */
export function judged(name: string, verdict: GateVerdict, waivers: readonly Waiver[]): JudgedGate {
  const { state, reason } = verdict;
  const waiver = state === "passed" ? undefined : waivers.find(({ gate }) => gate === name);
  if (waiver === undefined) return { name, ...verdict };
  return { name, state: "waived", reason: `${waiver.by} waived it: ${waiver.reason} (${reason})`, by: [waiver.by] };
}

/** With since when each is in its state, by how they were known before. @param now ISO 8601 */
export function withSince(
  gates: readonly JudgedGate[],
  known: readonly JudgedGate[],
  now: string | undefined,
): readonly JudgedGate[] {
  return gates.map((gate) => {
    const before = known.find(({ name, state }) => name === gate.name && state === gate.state);
    const since = before?.since ?? now;
    return since === undefined ? gate : { ...gate, since };
  });
}

/** What all gates together say: one that failed fails all, one that waits lets all wait. */
export function together(gates: readonly JudgedGate[]): "passed" | "pending" | "failed" {
  if (gates.some(({ state }) => state === "failed")) return "failed";
  return gates.some(({ state }) => state === "pending") ? "pending" : "passed";
}

/** Who let a revision through. */
export interface Approver {
  readonly login: string;
  /** `org/team`, of those that were asked for. */
  readonly teams: readonly string[];
}

export interface Approvals {
  readonly approvers: readonly Approver[];
  /** Why it is not known who is in a team: a sentence for each. */
  readonly unknown: readonly string[];
}

/** What a check on a commit says. */
export type CheckState = "pending" | "passed" | "failed";
