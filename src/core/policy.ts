import type { Finding, FindingKind } from "./finding.js";
import type { FlappingGuard } from "./flapping.js";
import type { FreezeGuard } from "./freeze.js";

export const SEVERITIES = ["low", "medium", "high", "critical"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** What shall come of drift. `sync` is for pending findings only: policies do not name it. */
export type Action = "heal" | "propose" | "alert" | "sync";

/** What a rule sees of a finding. */
export interface Subject {
  readonly environment: string;
  readonly target: string;
  readonly targetKind: string;
  readonly finding: Finding;
  readonly sensitive: boolean;
}

export interface Rule {
  readonly name: string;
  /** Throws where the condition cannot be evaluated on this subject. */
  readonly matches: (subject: Subject) => boolean;
  /** Whether the rule speaks of settings that git does not name: only such a rule makes them a finding. */
  readonly asksForUnmanaged: boolean;
  readonly severity: Severity;
  /** Undefined: the default actions of the severity. */
  readonly actions: readonly Action[] | undefined;
}

export interface BlastRadius {
  /** Share of the target's managed settings, 0..1. */
  readonly share: number;
  readonly atLeast: number;
}

/** What an approval guard sees of the plan of one target. */
export interface PlanSummary {
  readonly environment: string;
  readonly target: string;
  readonly targetKind: string;
  /** The sum of the next three. */
  readonly changes: number;
  readonly creates: number;
  readonly updates: number;
  readonly removals: number;
  /** How many of the changes apply what git moved; the others write over drift. */
  readonly pending: number;
  /** The worst of the changes'. */
  readonly severity: Severity;
}

export interface ApprovalGuard {
  /** Whether there may be a plan of the target for which it asks. */
  readonly covers: (environment: string, target: string) => boolean;
  /** Whether this plan needs a person's approval. */
  readonly asks: (plan: PlanSummary) => boolean;
}

export interface Guards {
  readonly flapping: FlappingGuard;
  readonly blastRadius: BlastRadius;
  readonly freeze: FreezeGuard;
  readonly approval: ApprovalGuard;
  /** Targets whose sudden loss of settings is drift like any other, and not a read that failed. */
  readonly acceptLoss: readonly string[];
}

export interface Policy {
  /** In order; the first that matches decides. */
  readonly rules: readonly Rule[];
  readonly guards: Guards;
}

export const DEFAULT_GUARDS: Guards = {
  flapping: { heals: 3, within: 30 * 60_000 },
  blastRadius: { share: 0.3, atLeast: 10 },
  freeze: () => undefined,
  approval: { covers: () => false, asks: () => false },
  acceptLoss: [],
};

const DEFAULT_ACTIONS: Readonly<Record<Severity, readonly Action[]>> = {
  low: ["heal"],
  medium: ["propose"],
  high: ["propose", "alert"],
  critical: ["alert"],
};

/** What the policy says of one finding, and which rule said it. */
export interface Decision {
  readonly severity: Severity;
  readonly actions: readonly Action[];
  readonly rule: string;
  /** Rules that could not be evaluated on this finding and were passed over, with the reason. */
  readonly passedOver: readonly { readonly rule: string; readonly reason: string }[];
}

export interface DecideOptions {
  /** Whether a pending revision is applied without a person. */
  readonly sync: "auto" | "manual";
  readonly exclusive: boolean;
}

/** The decision on a finding; undefined where it is unmanaged and no rule asks for such. */
export function decide(subject: Subject, policy: Policy, options: DecideOptions): Decision | undefined {
  const { kind } = subject.finding;
  const passedOver: { rule: string; reason: string }[] = [];
  for (const rule of policy.rules) {
    if (kind === "unmanaged" && !options.exclusive && !rule.asksForUnmanaged) continue;
    try {
      if (!rule.matches(subject)) continue;
    } catch (error) {
      passedOver.push({ rule: rule.name, reason: error instanceof Error ? error.message : String(error) });
      continue;
    }
    const actions = rule.actions ?? DEFAULT_ACTIONS[rule.severity];
    return { severity: rule.severity, actions: permitted(subject, actions, options), rule: rule.name, passedOver };
  }
  if (kind === "unmanaged" && !options.exclusive) return undefined;
  const severity = subject.sensitive ? "high" : "medium";
  return {
    severity,
    actions: permitted(subject, DEFAULT_ACTIONS[severity], options),
    rule: subject.sensitive ? "default: sensitive settings" : "default",
    passedOver,
  };
}

/**
 * What of a rule's actions the finding allows, the kind first:
 * | kind       | actions |
 * |------------|---------|
 * | pending    | `sync`, or none where a person decides; drift's actions say nothing of what git moved |
 * | modified, missing | as the rule says |
 * | conflicted | never `heal`: both sides moved, and one of them would be lost; `propose` in its place |
 * | unmanaged  | `heal` (that is: remove) only where the target is exclusive |
 *
 * | sensitive  | of these |
 * |------------|----------|
 * | no         | all |
 * | yes        | never `propose`: a pull request would show the value; `alert` in its place |
 */
function permitted(
  { finding, sensitive }: Subject,
  actions: readonly Action[],
  options: DecideOptions,
): readonly Action[] {
  const allowed = permittedByKind(finding.kind, actions, options);
  return sensitive ? inPlaceOf("propose", "alert", allowed) : allowed;
}

function permittedByKind(kind: FindingKind, actions: readonly Action[], options: DecideOptions): readonly Action[] {
  switch (kind) {
    case "pending":
      return options.sync === "auto" ? ["sync"] : [];
    case "modified":
    case "missing":
      return actions;
    case "conflicted":
      return inPlaceOf("heal", "propose", actions);
    case "unmanaged":
      return options.exclusive ? actions : actions.filter((action) => action !== "heal");
  }
}

function inPlaceOf(refused: Action, instead: Action, actions: readonly Action[]): readonly Action[] {
  return [...new Set(actions.map((action) => (action === refused ? instead : action)))];
}
