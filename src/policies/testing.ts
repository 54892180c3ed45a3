import { z } from "zod";
import { check, type CheckedFile, parseChecked } from "../config/checked.js";
import { type Place, TrueupError } from "../core/errors.js";
import type { Finding, FindingKind } from "../core/finding.js";
import { type Action, decide, type DecideOptions, type Severity, SEVERITIES, type Subject } from "../core/policy.js";
import { looksSecretByName, looksSecretByValue } from "../core/sensitive.js";
import type { Value } from "../core/value.js";
import type { SourcedPolicy, SourcedRule } from "./drift.js";

const KINDS = ["pending", "modified", "missing", "conflicted", "unmanaged"] as const satisfies readonly FindingKind[];
const ACTIONS = ["heal", "propose", "alert", "sync"] as const satisfies readonly Action[];

const findingSchema = z.strictObject({
  environment: z.string().min(1),
  target: z.string().min(1),
  targetKind: z.string().min(1).optional(),
  path: z.string(),
  kind: z.enum(KINDS),
  /** A key that is not there is a setting that is not there; `null` is a value. */
  desired: z.custom<Value>().optional(),
  live: z.custom<Value>().optional(),
  lastApplied: z.custom<Value>().optional(),
  sensitive: z.boolean().optional(),
  exclusive: z.boolean().default(false),
  sync: z.enum(["auto", "manual"]).default("auto"),
});

const expectationSchema = z.strictObject({
  severity: z.enum(SEVERITIES),
  actions: z.array(z.enum(ACTIONS)).optional(),
  rule: z.string().min(1).optional(),
});

const testsSchema = z.strictObject({
  cases: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        finding: findingSchema,
        /** Checked apart: a union would only say that neither form fits. */
        expect: z.unknown(),
      }),
    )
    .min(1),
});

const invalid = { code: "POLICY_INVALID" } as const;

type FindingSpec = z.output<typeof findingSchema>;

/** What a case expects or got: a decision, or `none` where the setting is not even reported. */
export type Verdict = Expectation | "none";

export interface Expectation {
  readonly severity: Severity;
  /** In any order. */
  readonly actions?: readonly Action[] | undefined;
  readonly rule?: string | undefined;
}

export interface PolicyCase {
  readonly name: string;
  readonly where: Place;
  readonly subject: Subject;
  readonly options: DecideOptions;
  readonly expect: Verdict;
}

export interface CaseResult {
  readonly passed: boolean;
  readonly got: Verdict;
  /** Rules that could not be evaluated on the case's finding, with the reason. */
  readonly passedOver: readonly { readonly rule: string; readonly reason: string }[];
}

/** Reads a file of `policies/tests/`. @throws TrueupError POLICY_INVALID with the place */
export function readPolicyTests(
  text: string,
  file: string,
  targetKinds: readonly [string, ...string[]],
): readonly PolicyCase[] {
  const source = parseChecked(text, file, "POLICY_INVALID");
  const data = check(source, { schema: testsSchema, ...invalid });
  return data.cases.map(({ name, finding, expect }, index) => {
    const at = ["cases", index, "finding"] as const;
    if (finding.targetKind !== undefined) {
      check(source, { schema: z.enum(targetKinds), ...invalid, value: finding.targetKind, at: [...at, "targetKind"] });
    }
    refuseImpossible(finding, source, at);
    return {
      name,
      where: source.place(["cases", index]),
      subject: subjectOf(finding),
      options: { sync: finding.sync, exclusive: finding.exclusive },
      expect: expect === "none" ? expect : expectation(expect, source, ["cases", index, "expect"]),
    };
  });
}

function expectation(value: unknown, source: CheckedFile, at: readonly (string | number)[]): Expectation {
  return check(source, { schema: expectationSchema, ...invalid, value, at });
}

/** A case that no comparison could come to tests nothing: what each kind says of the two sides must be so. */
function refuseImpossible(finding: FindingSpec, source: CheckedFile, at: readonly (string | number)[]): void {
  const { kind, path, desired, live } = finding;
  const refuse = (key: string, message: string, hint?: string): never => {
    throw new TrueupError("POLICY_INVALID", message, { where: source.place([...at, key]), hint });
  };
  if (path !== "" && !path.startsWith("/")) {
    refuse("path", `the path \`${path}\` must begin with "/"`, `settings are JSON Pointers: write /${path}`);
  }
  if (kind === "modified" && (desired === undefined || live === undefined)) {
    refuse("kind", "a modified setting has both `desired` and `live`", "without `live` it is `missing`");
  }
  if (kind === "missing" && (desired === undefined || live !== undefined)) {
    refuse("kind", "a missing setting has `desired`, and no `live`");
  }
  if (kind === "unmanaged" && (desired !== undefined || live === undefined)) {
    refuse("kind", "an unmanaged setting has `live`, and no `desired`");
  }
}

function subjectOf(spec: FindingSpec): Subject {
  const { environment, target, targetKind = "", path, kind, desired, live } = spec;
  const finding: Finding = {
    path,
    kind,
    action: actionOf(desired, live),
    desired,
    live,
    lastApplied: spec.lastApplied ?? impliedLastApplied(kind, { desired, live }),
  };
  const sensitive =
    spec.sensitive ?? (looksSecretByName(path) || looksSecretByValue(desired) || looksSecretByValue(live));
  return { environment, target, targetKind, finding, sensitive };
}

/** What makes live equal to desired. */
export function actionOf(desired: Value | undefined, live: Value | undefined): Finding["action"] {
  if (desired === undefined) return "remove";
  return live === undefined ? "create" : "update";
}

/** What last applied must have been for a finding to be of its kind; undefined where that does not follow from it. */
export function impliedLastApplied(
  kind: FindingKind,
  { desired, live }: Pick<Finding, "desired" | "live">,
): Value | undefined {
  if (kind === "modified" || kind === "missing") return desired;
  return kind === "pending" ? live : undefined;
}

/** Decides a case as a pass would, and compares. */
export function runCase({ subject, options, expect }: PolicyCase, policy: SourcedPolicy): CaseResult {
  const decision = decide(subject, policy, options);
  if (decision === undefined) return { passed: expect === "none", got: "none", passedOver: [] };
  const { passedOver, ...got } = decision;
  return { passed: expect !== "none" && meets(got, expect), got, passedOver };
}

function meets(got: Required<Expectation>, expect: Expectation): boolean {
  return (
    got.severity === expect.severity &&
    (expect.actions === undefined || sameActions(got.actions ?? [], expect.actions)) &&
    (expect.rule === undefined || got.rule === expect.rule)
  );
}

/** Whether they are the same, in any order. */
export function sameActions(a: readonly Action[], b: readonly Action[]): boolean {
  return a.length === b.length && a.every((action) => b.includes(action));
}

/** The rules that decided no case. */
export function uncovered(policy: SourcedPolicy, results: readonly CaseResult[]): readonly SourcedRule[] {
  const spoke = new Set(results.map(({ got }) => (got === "none" ? undefined : got.rule)));
  return policy.rules.filter(({ name }) => !spoke.has(name));
}
