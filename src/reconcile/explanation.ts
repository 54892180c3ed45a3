import { formatPlace } from "../core/errors.js";
import type { Finding } from "../core/finding.js";
import { decide, type Subject } from "../core/policy.js";
import type { SourcedRule } from "../policies/drift.js";
import type { ReadyTarget, RenderedEnvironment } from "../render/rendered.js";

export interface Explanation {
  readonly environment: string;
  readonly target: string;
  readonly path: string;
  readonly kind: string;
  /** False where the setting is in sync, and the answer is what would be said if it were modified. */
  readonly found: boolean;
  readonly severity: string;
  readonly actions: readonly string[];
  readonly rule: string;
  /** The rules in order, up to the one that decided, each with what it said. */
  readonly rules: readonly { readonly name: string; readonly where: string; readonly said: string }[];
}

export interface Explained {
  readonly environment: RenderedEnvironment;
  readonly target: ReadyTarget;
  readonly finding: Finding;
  readonly sensitive: boolean;
  readonly found: boolean;
}

/** Which rule of the policy speaks of a finding, and what the ones before it said. Shows no value. */
export function explanationOf({ environment, target, finding, sensitive, found }: Explained): Explanation {
  const subject: Subject = {
    environment: environment.name,
    target: target.name,
    targetKind: target.kindName,
    finding,
    sensitive,
  };
  const decision = decide(subject, environment.policy, { sync: environment.sync, exclusive: target.exclusive });
  const rules: { name: string; where: string; said: string }[] = [];
  for (const rule of environment.policy.rules) {
    const said = verdict(rule, subject);
    rules.push({ name: rule.name, where: formatPlace(rule.where), said });
    if (rule.name === decision?.rule) break;
  }
  return {
    environment: environment.name,
    target: target.name,
    path: finding.path,
    kind: finding.kind,
    found,
    severity: decision?.severity ?? "",
    actions: decision?.actions ?? [],
    rule: decision?.rule ?? "",
    rules,
  };
}

function verdict(rule: SourcedRule, subject: Subject): string {
  const { finding, environment, target, targetKind, sensitive } = subject;
  if (!rule.covers({ path: finding.path, environment, target, targetKind })) return "does not speak of this setting";
  try {
    return rule.matches(subject) ? "matches" : "its condition is not met";
  } catch (error) {
    const passedOver = "passed over: its condition cannot be evaluated";
    // CEL names the value that it could not work with.
    if (sensitive) return passedOver;
    const [reason] = (error instanceof Error ? error.message : String(error)).split("\n");
    return `${passedOver} (${reason})`;
  }
}
