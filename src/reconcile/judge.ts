import type { Finding } from "../core/finding.js";
import type { Pointer } from "../core/pointer.js";
import { decide, type Decision } from "../core/policy.js";
import { looksSecretByValue } from "../core/sensitive.js";
import type { Hash } from "../core/same.js";
import type { Value } from "../core/value.js";
import type { ReadyTarget, RenderedEnvironment } from "../render/rendered.js";
import type { ReportedFinding } from "./report.js";
import { sealOf, shortSeal } from "./seal.js";

/** A finding with what the policy says of it. */
export interface Judged {
  readonly finding: Finding;
  readonly sensitive: boolean;
  readonly decision: Decision;
  /** Why no action is taken although the policy names one; see `Memo`. */
  readonly note: string | undefined;
}

/**
 * What Trueup must not try again while git says the same: by setting, the keyed hash of the desired value it was about.
 * - `unreachable`: the system makes another value of it.
 * - `adopted`: a person took the live value for right, and git has yet to say so.
 */
export type Memo = Readonly<Record<Pointer, { readonly why: "unreachable" | "adopted"; readonly desired: string }>>;

const NOTES = {
  unreachable: "the system makes another value of the desired one: write into git what it holds",
  adopted: "the live value was adopted: commit it to git",
} as const;

export interface JudgeOptions {
  readonly environment: RenderedEnvironment;
  readonly target: ReadyTarget;
  readonly memo: Memo;
  readonly hash: Hash;
}

/** Judges findings; unmanaged settings that no rule asks for are left out. */
export function judge(findings: readonly Finding[], options: JudgeOptions): readonly Judged[] {
  const { environment, target, memo, hash } = options;
  return findings.flatMap((finding): Judged[] => {
    const sensitive = isSensitive(finding, target);
    const subject = {
      environment: environment.name,
      target: target.name,
      targetKind: target.kindName,
      finding,
      sensitive,
    };
    const decision = decide(subject, environment.policy, { sync: environment.sync, exclusive: target.exclusive });
    if (decision === undefined) return [];
    const remembered = Object.hasOwn(memo, finding.path) ? memo[finding.path] : undefined;
    const holds = remembered?.desired === sealOf(hash, finding.path, finding.desired);
    if (remembered === undefined || !holds) return [{ finding, sensitive, decision, note: undefined }];
    const actions = decision.actions.filter((action) => action !== "heal" && action !== "sync");
    return [{ finding, sensitive, decision: { ...decision, actions }, note: NOTES[remembered.why] }];
  });
}

function isSensitive({ path, desired, live }: Finding, target: ReadyTarget): boolean {
  return (
    target.sensitive(path) ||
    looksSecretByValue(desired) ||
    looksSecretByValue(live) ||
    holdsSensitive(path, { desired, live }, target)
  );
}

/** A finding may be of a whole map: it is sensitive where something in it is. */
function holdsSensitive(
  path: Pointer,
  sides: { desired: Value | undefined; live: Value | undefined },
  target: ReadyTarget,
): boolean {
  return [sides.desired, sides.live].some((side) => pointersIn(side, path).some(target.sensitive));
}

function pointersIn(value: Value | undefined, path: Pointer): Pointer[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => {
    const pointer = `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    return [pointer, ...pointersIn(item as Value, pointer)];
  });
}

/** The finding as it may be shown, stored and sent. */
export function reported({ finding, sensitive, decision, note }: Judged, hash: Hash): ReportedFinding {
  const shown = (value: Value | undefined): Value => {
    if (value === undefined) return null;
    return sensitive ? `(sensitive ${shortSeal(hash, finding.path, value)})` : value;
  };
  return {
    path: finding.path,
    kind: finding.kind,
    desired: shown(finding.desired),
    live: shown(finding.live),
    severity: decision.severity,
    actions: decision.actions,
    rule: decision.rule,
    ...(sensitive ? { sensitive: true as const } : {}),
    ...(note === undefined ? {} : { note }),
  };
}
