import {
  policiesOf,
  type PolicyTestReport,
  type TestedCase,
  type TestedPolicy,
  testPolicies,
} from "../../operations/policy-test.js";
import type { Verdict } from "../../policies/testing.js";
import type { Globals } from "../globals.js";
import { paint } from "../output/paint.js";
import { markdownTable, print } from "../output/print.js";
import { readPolicyTestsAt } from "../policy-folder.js";
import { withSession } from "../session.js";

/** Runs the tests of policies. With paths it needs neither trueup.yaml nor git; never the store or a live system. */
export async function policyTest(paths: readonly string[], globals: Globals): Promise<void> {
  const texts = paths.length === 0 ? await withSession(globals, policiesOf) : paths.map(readPolicyTestsAt);
  const report = await testPolicies(texts);
  await print(globals.output, { data: report, table: () => text(report), markdown: () => markdown(report) });
  process.exitCode = report.passed ? 0 : 1;
}

function text({ suites }: PolicyTestReport): string {
  return suites.map(suiteText).join("\n");
}

function suiteText(suite: TestedPolicy): string {
  const failed = suite.cases.filter(({ passed }) => !passed);
  const count = `${suite.cases.length} case${suite.cases.length === 1 ? "" : "s"}`;
  const verdict = failed.length === 0 ? paint("green", "passed") : paint("red", `${failed.length} failed`);
  return [
    `${paint("bold", nameOf(suite))}: ${count}, ${verdict}\n`,
    ...failed.map(failureText),
    ...suite.uncovered.map(
      ({ name, where }) => `${paint("yellow", "note:")} no case covers the rule "${name}" (${where})\n`,
    ),
  ].join("");
}

function failureText({ name, where, expected, got, passedOver = [] }: TestedCase): string {
  const lines = [
    `${paint("red", "failed:")} ${name}`,
    `  at ${where}`,
    `  expected ${shown(expected)}`,
    `  got      ${shown(got)}`,
    ...passedOver.map(({ rule, reason }) => `  the rule "${rule}" was passed over: ${reason}`),
  ];
  return `${lines.join("\n")}\n`;
}

function markdown({ suites }: PolicyTestReport): string {
  const rows = suites.flatMap((suite) =>
    suite.cases.map(({ name, passed, where, expected, got }) => [
      nameOf(suite),
      name,
      passed ? "passed" : "failed",
      where,
      shown(expected),
      shown(got),
    ]),
  );
  const notes = suites.flatMap((suite) =>
    suite.uncovered.map(({ name, where }) => `\n- ${nameOf(suite)}: no case covers the rule "${name}" (${where})\n`),
  );
  return markdownTable(["POLICIES", "CASE", "RESULT", "WHERE", "EXPECTED", "GOT"], rows) + notes.join("");
}

function nameOf({ environments, policy = "Trueup's own rules" }: TestedPolicy): string {
  return environments.length === 0 ? policy : environments.join(", ");
}

/** `high, propose and alert, by pool halved` */
function shown(verdict: Verdict): string {
  if (verdict === "none") return "none: not reported";
  const { severity, actions, rule } = verdict;
  return [
    severity,
    ...(actions === undefined ? [] : [actions.join(" and ") || "no action"]),
    ...(rule === undefined ? [] : [`by ${rule}`]),
  ].join(", ");
}
