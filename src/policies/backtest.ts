import type { FindingKind } from "../core/finding.js";
import { type Action, decide, type Decision, type Policy, type Rule, type Severity, type Subject } from "../core/policy.js";
import type { Value } from "../core/value.js";
import { actionOf, impliedLastApplied, sameActions } from "./testing.js";

/** What the history says of one finding. */
export interface Recorded {
  readonly environment: string;
  readonly target: string;
  readonly path: string;
  readonly kind: FindingKind;
  readonly targetKind: string;
  /** Null where absent; of a sensitive setting `(sensitive 1a2b3c4d)`. */
  readonly desired: Value;
  readonly live: Value;
  readonly was: Decided;
  /** A hold, a guard or what was remembered took actions away: only the severity is the policy's own. */
  readonly restrained: boolean;
}

export interface Decided {
  readonly severity: Severity;
  readonly actions: readonly Action[];
  readonly rule: string;
}

export type Replayed =
  | { readonly verdict: "same" | "changed"; readonly wouldBe: Decided }
  /** The setting would not have been reported at all. */
  | { readonly verdict: "changed"; readonly wouldBe: "none" }
  /** A rule read what the history does not have. */
  | { readonly verdict: "unclear"; readonly rule: string; readonly missing: Side };

export type Side = "desired" | "live" | "lastApplied";

/** Decides on a recorded finding as another policy would have. */
export function replay(recorded: Recorded, policy: Policy): Replayed {
  const { subject, unknown } = subjectOf(recorded);
  const rules = policy.rules.map((rule) => ({ ...rule, matches: telling(rule, unknown) }));
  const sync = recorded.was.actions.includes("sync") ? "auto" : "manual";
  const decision = decide(subject, { ...policy, rules }, { sync, exclusive: isExclusive(recorded) });
  const [unclear] = unknown.stopped;
  if (unclear !== undefined) return { verdict: "unclear", ...unclear };
  if (decision === undefined) return { verdict: "changed", wouldBe: "none" };
  return { verdict: isSame(recorded, decision) ? "same" : "changed", wouldBe: shown(decision) };
}

function shown({ severity, actions, rule }: Decision): Decided {
  return { severity, actions, rule };
}

function isSame({ was, restrained, kind }: Recorded, { severity, actions }: Decision): boolean {
  // What is pending is applied or waits, whatever a policy says.
  return was.severity === severity && (restrained || kind === "pending" || sameActions(was.actions, actions));
}

/** Whether git was to name all that there is: then only could an unmanaged setting be removed, or be reported unasked. */
function isExclusive({ kind, was }: Recorded): boolean {
  return kind === "unmanaged" && (was.actions.includes("heal") || was.rule === "default" || was.rule.startsWith("default:"));
}

/** What of a finding the history does not have, what of that the rule in hand has read, and the rules that stopped at it. */
interface Unknown {
  readonly read: Set<Side>;
  readonly stopped: { readonly rule: string; readonly missing: Side }[];
}

const SENSITIVE = /^\(sensitive [0-9a-f]+\)$/;

function subjectOf(recorded: Recorded): { readonly subject: Subject; readonly unknown: Unknown } {
  const { environment, target, targetKind, path, kind } = recorded;
  const unknown: Unknown = { read: new Set(), stopped: [] };
  const desired = recorded.desired ?? undefined;
  const live = recorded.live ?? undefined;
  const lastApplied = impliedLastApplied(kind, { desired, live });
  const sensitive = [desired, live].some((side) => typeof side === "string" && SENSITIVE.test(side));
  const told = (name: Side, value: Value | undefined, isKnown: boolean) => {
    if (!isKnown) unknown.read.add(name);
    return value;
  };
  const subject: Subject = {
    environment,
    target,
    targetKind,
    sensitive,
    finding: {
      path,
      kind,
      action: actionOf(desired, live),
      get desired() {
        return told("desired", desired, !sensitive || desired === undefined);
      },
      get live() {
        return told("live", live, !sensitive || live === undefined);
      },
      get lastApplied() {
        const follows = kind === "modified" || kind === "missing" || kind === "pending";
        return told("lastApplied", lastApplied, follows && !sensitive);
      },
    },
  };
  return { subject, unknown };
}

/** The rule's condition, which throws where it read what is not known: from there on, nothing can be told. */
function telling(rule: Rule, unknown: Unknown): Rule["matches"] {
  return (subject) => {
    unknown.read.clear();
    try {
      return rule.matches(subject);
    } finally {
      const [missing] = unknown.read;
      if (missing !== undefined) unknown.stopped.push({ rule: rule.name, missing });
    }
  };
}
