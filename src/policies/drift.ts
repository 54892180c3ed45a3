import { z } from "zod";
import { check, type CheckedFile, parseChecked } from "../config/checked.js";
import { type Place, TrueupError } from "../core/errors.js";
import { type Action, DEFAULT_GUARDS, type Policy, type Rule, SEVERITIES, type Subject } from "../core/policy.js";
import { durationSchema } from "../lib/duration.js";
import { globs } from "../lib/glob.js";
import { approvalSchema, readApproval } from "./approval.js";
import { celValue, compileCel, type Condition } from "./cel.js";
import { freezeSchema, readFreeze } from "./freeze.js";

const oneOrMore = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);

const ruleSchema = z.strictObject({
  name: z.string().min(1),
  match: z
    .strictObject({
      path: oneOrMore.optional(),
      environment: oneOrMore.optional(),
      target: oneOrMore.optional(),
      kind: oneOrMore.optional(),
    })
    .optional(),
  when: z.string().min(1).optional(),
  severity: z.enum(SEVERITIES),
  actions: z.array(z.enum(["heal", "propose", "alert"])).optional(),
});

const guardsSchema = z.strictObject({
  flapping: z.strictObject({ heals: z.int().min(1), within: durationSchema }).optional(),
  blastRadius: z.strictObject({ share: z.number().min(0).max(1), atLeast: z.int().min(1) }).optional(),
  freeze: freezeSchema.optional(),
  approval: approvalSchema.optional(),
  acceptLoss: z.array(z.string()).optional(),
});

const driftSchema = z.strictObject({ rules: z.array(ruleSchema).default([]), guards: guardsSchema.default({}) });

/** A rule as it stands in the file, for `policy explain` and for the warning about rules that match nothing. */
export interface SourcedRule extends Rule {
  readonly where: Place;
  /** Whether the rule could match a setting, going by what it says of path, environment and target alone. */
  readonly covers: (setting: { environment: string; target: string; targetKind: string; path: string }) => boolean;
}

export interface SourcedPolicy extends Policy {
  readonly rules: readonly SourcedRule[];
}

export const DEFAULT_POLICY: SourcedPolicy = { rules: [], guards: DEFAULT_GUARDS };

/** `finding` as a condition sees it; `desired`, `live` and `lastApplied` are null where absent. */
const FINDING_VARIABLES = {
  finding: {
    path: "string",
    kind: "string",
    action: "string",
    environment: "string",
    target: "string",
    targetKind: "string",
    sensitive: "bool",
    desired: "dyn",
    live: "dyn",
    lastApplied: "dyn",
  },
} as const;

/** Reads `policies/drift.yaml`. @throws TrueupError POLICY_INVALID with the place. */
export async function readDriftPolicy(text: string, file: string): Promise<SourcedPolicy> {
  const source = parseChecked(text, file, "POLICY_INVALID");
  const data = check(source, { schema: driftSchema, code: "POLICY_INVALID" });
  const { flapping, freeze, approval, blastRadius, acceptLoss } = data.guards;
  return {
    rules: await Promise.all(data.rules.map((rule, index) => readRule(rule, source, index))),
    guards: {
      flapping: flapping ?? DEFAULT_GUARDS.flapping,
      blastRadius: blastRadius ?? DEFAULT_GUARDS.blastRadius,
      freeze: freeze === undefined ? DEFAULT_GUARDS.freeze : readFreeze(freeze, source, ["guards", "freeze"]),
      approval:
        approval === undefined
          ? DEFAULT_GUARDS.approval
          : await readApproval(approval, source, ["guards", "approval"]),
      acceptLoss: acceptLoss ?? DEFAULT_GUARDS.acceptLoss,
    },
  };
}

async function readRule(rule: z.output<typeof ruleSchema>, source: CheckedFile, index: number): Promise<SourcedRule> {
  const { match = {}, when, name, severity } = rule;
  const paths = list(match.path);
  paths.forEach((pattern, position) => {
    if (pattern.startsWith("/")) return;
    throw new TrueupError("POLICY_INVALID", `the path \`${pattern}\` of rule "${name}" must begin with "/"`, {
      where: source.place(["rules", index, "match", "path", ...(Array.isArray(match.path) ? [position] : [])]),
      hint: `settings are named by JSON Pointers: write \`/${pattern}\` or \`/**/${pattern}\``,
    });
  });
  const condition = when === undefined ? undefined : await compileWhen(when, source.place(["rules", index, "when"]));
  const path = globs(paths);
  const environment = globs(list(match.environment));
  const target = globs(list(match.target));
  const kinds = list(match.kind);
  const covers: SourcedRule["covers"] = (setting) =>
    path(setting.path) &&
    environment(setting.environment) &&
    target(setting.target) &&
    // `kind` is the finding's kind (modified, missing, …) or the target's (mqtt, files, …): no word is both.
    (kinds.length === 0 || kinds.some((kind) => FINDING_KINDS.has(kind) || kind === setting.targetKind));
  return {
    name,
    severity,
    actions: rule.actions satisfies readonly Action[] | undefined,
    asksForUnmanaged: kinds.includes("unmanaged") || (when?.includes("unmanaged") ?? false),
    where: source.place(["rules", index]),
    covers,
    matches: (subject) =>
      covers({ ...subject, path: subject.finding.path }) &&
      (kinds.length === 0 || kinds.includes(subject.finding.kind) || kinds.includes(subject.targetKind)) &&
      (condition === undefined || condition(celSubject(subject))),
  };
}

const FINDING_KINDS: ReadonlySet<string> = new Set(["pending", "modified", "missing", "conflicted", "unmanaged"]);

function compileWhen(expression: string, where: Place): Promise<Condition> {
  return compileCel({ expression, variables: FINDING_VARIABLES, where });
}

function celSubject({ environment, target, targetKind, sensitive, finding }: Subject): Record<string, unknown> {
  return {
    finding: {
      path: finding.path,
      kind: finding.kind,
      action: finding.action,
      environment,
      target,
      targetKind,
      sensitive,
      // Read only where the condition does, so that a backtest can tell what it depends on.
      get desired() {
        return celValue(finding.desired);
      },
      get live() {
        return celValue(finding.live);
      },
      get lastApplied() {
        return celValue(finding.lastApplied);
      },
    },
  };
}

function list(value: string | string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === "string" ? [value] : value;
}
