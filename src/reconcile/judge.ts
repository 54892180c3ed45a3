import type { Attribution } from "../core/attribution.js";
import type { Finding } from "../core/finding.js";
import { keyName, keyOf, type ListScope, listScope, within } from "../core/lists.js";
import { child, parsePointer, type Pointer } from "../core/pointer.js";
import { decide, type Decision } from "../core/policy.js";
import { looksSecretByValue } from "../core/sensitive.js";
import { type Hash, isSealed } from "../core/same.js";
import { isList, isLiteral, isMap, type Value } from "../core/value.js";
import type { ReadyTarget, RenderedEnvironment } from "../render/rendered.js";
import type { ReportedFinding } from "./report.js";
import { restrain, type Restrained, type Restraint } from "./restraint.js";
import { sealOf, shortSeal } from "./seal.js";

/** A finding with what the policy says of it. */
export interface Judged {
  readonly finding: Finding;
  readonly sensitive: boolean;
  readonly decision: Decision;
  /** Why no action is taken although the policy names one; see `Memo`. */
  readonly note: string | undefined;
  /** Set where a hold or a guard stands between the policy and the act. */
  readonly restrained?: Restrained["why"];
  /** Who moved the live side, where that is known. */
  readonly changedBy?: Attribution;
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
  /** What is sensitive because it was. */
  readonly known: ReadonlySet<Pointer>;
  /** Holds and guards that stand between the policy and the act; the first that speaks. */
  readonly restraints?: readonly Restraint[];
  readonly hash: Hash;
}

/** Judges findings; unmanaged settings that no rule asks for are left out. */
export function judge(findings: readonly Finding[], options: JudgeOptions): readonly Judged[] {
  const { environment, target, memo, known, hash } = options;
  return findings.flatMap((finding): Judged[] => {
    const sensitive = known.has(finding.path) || isSensitive(finding, target);
    const subject = {
      environment: environment.name,
      target: target.name,
      targetKind: target.kindName,
      finding,
      sensitive,
    };
    const decision = decide(subject, environment.policy, { sync: environment.sync, exclusive: target.exclusive });
    if (decision === undefined) return [];
    const restrained = restrain(options.restraints ?? [], finding, decision.actions);
    if (restrained !== undefined) {
      const { why, note, actions } = restrained;
      return [{ finding, sensitive, decision: { ...decision, actions }, note, restrained: why }];
    }
    const remembered = Object.hasOwn(memo, finding.path) ? memo[finding.path] : undefined;
    const holds = remembered?.desired === sealOf(hash, finding.path, finding.desired);
    if (remembered === undefined || !holds) return [{ finding, sensitive, decision, note: undefined }];
    const actions = decision.actions.filter((action) => action !== "heal" && action !== "sync");
    return [{ finding, sensitive, decision: { ...decision, actions }, note: NOTES[remembered.why] }];
  });
}

/**
 * What was sealed in last applied stays sensitive when git no longer says why. A finding may be of a whole map or list: it is
 * sensitive where something in it is.
 */
export function isSensitive(
  { path, desired, live, lastApplied }: Pick<Finding, "path" | "desired" | "live" | "lastApplied">,
  target: ReadyTarget,
): boolean {
  const scope = parsePointer(path).reduce(within, listScope(target.lists));
  return (
    holdsSeal(lastApplied) ||
    [desired, live].some((side) => looksSecretByValue(side) || namesSecret(side, { path, scope, target }))
  );
}

function holdsSeal(value: Value | undefined): boolean {
  if (isSealed(value)) return true;
  return typeof value === "object" && value !== null && !isLiteral(value) && Object.values(value).some(holdsSeal);
}

interface Place {
  readonly path: Pointer;
  readonly scope: ListScope;
  readonly target: ReadyTarget;
}

function namesSecret(value: Value | undefined, { path, scope, target }: Place): boolean {
  if (target.sensitive(path)) return true;
  const below = (name: string, item: Value) =>
    namesSecret(item, { path: child(path, name), scope: within(scope, name), target });
  if (isMap(value)) return Object.entries(value).some(([name, item]) => below(name, item));
  if (!isList(value)) return false;
  // As findings name elements: by their key where they have one.
  const key = keyName(scope);
  return value.some((item, index) => below((key === undefined ? undefined : keyOf(item, key)) ?? String(index), item));
}

/** The finding as it may be shown, stored and sent. */
export function reported(
  { finding, sensitive, decision, note, restrained, changedBy }: Judged,
  hash: Hash,
): ReportedFinding {
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
    ...(restrained === undefined ? {} : { restrained }),
    ...(changedBy === undefined ? {} : { changedBy }),
  };
}
