import { formatPlace, TrueupError } from "../core/errors.js";
import { DEFAULT_POLICY, readDriftPolicy } from "../policies/drift.js";
import {
  type CaseResult,
  type PolicyCase,
  readPolicyTests,
  runCase,
  uncovered,
  type Verdict,
} from "../policies/testing.js";
import { tipOf } from "../reconcile/desired.js";
import type { Session } from "../reconcile/session.js";
import { targetKinds } from "../targets/registry.js";
import type { OperationContext } from "./operation.js";

/** A policy and its tests, as texts; from a folder, or from a commit. */
export interface PolicyTexts {
  /** The environments that they govern; none for a folder. */
  readonly environments: readonly string[];
  readonly policy: PolicyFile | undefined;
  readonly tests: readonly PolicyFile[];
}

export interface PolicyFile {
  /** As the reader knows it. */
  readonly file: string;
  readonly text: string;
}

export interface PolicyTestReport {
  readonly schemaVersion: 1;
  readonly passed: boolean;
  readonly suites: readonly TestedPolicy[];
}

export interface TestedPolicy {
  readonly environments: readonly string[];
  /** Absent where there is no `policies/drift.yaml`, and Trueup's own rules decide alone. */
  readonly policy?: string;
  readonly cases: readonly TestedCase[];
  /** Rules that decided no case. */
  readonly uncovered: readonly { readonly name: string; readonly where: string }[];
}

export interface TestedCase {
  readonly name: string;
  /** `file:line:column` */
  readonly where: string;
  readonly passed: boolean;
  readonly expected: Verdict;
  readonly got: Verdict;
  readonly passedOver?: CaseResult["passedOver"];
}

/** Runs the cases of each policy. @throws TrueupError POLICY_INVALID; USAGE where there is no case at all */
export async function testPolicies(texts: readonly PolicyTexts[]): Promise<PolicyTestReport> {
  const suites = await Promise.all(texts.map(testPolicy));
  if (suites.every(({ cases }) => cases.length === 0)) {
    throw new TrueupError("USAGE", "there are no tests of policies", {
      hint: "write cases into policies/tests/drift.yaml; docs/policies.md shows one",
    });
  }
  return { schemaVersion: 1, passed: suites.every(({ cases }) => cases.every(({ passed }) => passed)), suites };
}

async function testPolicy({ environments, policy: file, tests }: PolicyTexts): Promise<TestedPolicy> {
  const policy = file === undefined ? DEFAULT_POLICY : await readDriftPolicy(file.text, file.file);
  const [first, ...others] = targetKinds.map(({ kind }) => kind);
  if (first === undefined) throw new TrueupError("INTERNAL", "there is no kind of target");
  const ran = tests
    .flatMap((test) => readPolicyTests(test.text, test.file, [first, ...others]))
    .map((one) => ({ one, result: runCase(one, policy) }));
  const silent = uncovered(
    policy,
    ran.map(({ result }) => result),
  );
  return {
    environments,
    ...(file === undefined ? {} : { policy: file.file }),
    cases: ran.map(({ one, result }) => testedCase(one, result)),
    uncovered: silent.map(({ name, where }) => ({ name, where: formatPlace(where) })),
  };
}

function testedCase({ name, where, expect }: PolicyCase, { passed, got, passedOver }: CaseResult): TestedCase {
  return {
    name,
    where: formatPlace(where),
    passed,
    expected: expect,
    got,
    ...(passedOver.length === 0 ? {} : { passedOver }),
  };
}

/** The policies and tests at the tips of the environments' branches; those that are the same are there once. */
export async function policiesOf(session: Session, { signal, progress }: OperationContext): Promise<PolicyTexts[]> {
  progress("asking git");
  const source = await session.source();
  const { branches } = await source.refresh(signal);
  const found = new Map<string, PolicyTexts>();
  for (const name of session.config.environments.keys()) {
    const commit = tipOf(session, name, branches);
    await source.verify(commit);
    const files = await source.read(commit, ["policies"], signal);
    const names = [...files.keys()].filter((path) => path === "policies/drift.yaml" || isTestFile(path)).sort();
    const key = names.map((path) => `${path} ${files.get(path)?.id ?? ""}`).join("\n");
    const texts = names.map((path): PolicyFile => {
      const file = files.get(path);
      if (file !== undefined && "refused" in file) throw file.refused;
      return { file: path, text: file?.content.toString("utf8") ?? "" };
    });
    found.set(key, {
      environments: [...(found.get(key)?.environments ?? []), name],
      policy: texts.find(({ file }) => !isTestFile(file)),
      tests: texts.filter(({ file }) => isTestFile(file)),
    });
  }
  return [...found.values()];
}

function isTestFile(path: string): boolean {
  return /^policies\/tests\/[^/]+\.ya?ml$/.test(path);
}
