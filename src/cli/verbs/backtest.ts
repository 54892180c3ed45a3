import { TrueupError } from "../../core/errors.js";
import { backtest as operation, type BacktestChange, type BacktestReport } from "../../operations/backtest.js";
import type { Decided } from "../../policies/backtest.js";
import { show } from "../../reconcile/events.js";
import { ask } from "../ask.js";
import { ago } from "../ago.js";
import type { Globals } from "../globals.js";
import { paint } from "../output/paint.js";
import { markdownTable, print } from "../output/print.js";
import { table } from "../output/table.js";
import { readPolicyFolder } from "../policy-folder.js";

export interface BacktestOptions {
  readonly since: string;
  readonly policies?: string;
  readonly revision?: string;
}

const HEAD = ["WHEN", "ENVIRONMENT", "TARGET", "SETTING", "FINDING", "LIVE", "WAS", "WOULD BE"] as const;

export async function backtest(
  environments: readonly string[],
  { since, policies, revision }: BacktestOptions,
  globals: Globals,
): Promise<void> {
  if (policies !== undefined && revision !== undefined) {
    throw new TrueupError("USAGE", "--policies and --revision both name the policies", { hint: "give one of them" });
  }
  const args = {
    environments: [...environments],
    since: ago(since),
    ...(revision === undefined ? {} : { revision }),
    ...(policies === undefined ? {} : { policy: policyIn(policies) }),
  };
  const report = await ask(operation, args, globals);
  await print(globals.output, { data: report, table: () => text(report), markdown: () => markdown(report) });
}

function policyIn(folder: string): { file: string; text: string } {
  const { policy } = readPolicyFolder(folder);
  if (policy !== undefined) return { ...policy };
  throw new TrueupError("USAGE", `${folder} has no drift.yaml`, { hint: "name the folder that holds the policies" });
}

function text(report: BacktestReport): string {
  const rows = report.changes.map(row);
  return [
    `${summary(report)}\n`,
    rows.length === 0 ? "" : table({ head: HEAD, rows, shrink: [5, 3] }),
    ...notes(report).map((note) => `${paint("yellow", "note:")} ${note}\n`),
  ].join("");
}

function markdown(report: BacktestReport): string {
  const rows = report.changes.map(row);
  return [
    `${summary(report)}\n`,
    rows.length === 0 ? "" : `\n${markdownTable(HEAD, rows)}`,
    ...notes(report).map((note) => `\n- ${note}\n`),
  ].join("");
}

function summary({ since, replayed, unchanged, changes, unclear, complete }: BacktestReport): string {
  const period = complete ? `since ${moment(since)}` : `since ${moment(since)}, of which only the newest were replayed`;
  return `${replayed} finding${replayed === 1 ? "" : "s"} ${period}: ${unchanged} decided alike, ${changes.length} otherwise, ${unclear.length} cannot be told`;
}

function row({ at, environment, target, path, kind, live, was, wouldBe }: BacktestChange): string[] {
  return [
    moment(at),
    environment,
    target,
    path,
    kind,
    show(live),
    said(was),
    wouldBe === "none" ? "not reported" : said(wouldBe),
  ];
}

function said({ severity, actions, rule }: Decided): string {
  return `${severity}: ${actions.join(", ") || "no action"} (${rule})`;
}

function notes({ rules, unclear }: BacktestReport): string[] {
  return [
    ...new Set(
      unclear.map(
        ({ environment, target, path, rule, missing }) =>
          `what the rule "${rule}" says of ${environment}/${target} ${path} cannot be told: it reads \`${missing}\`, which the history does not have`,
      ),
    ),
    ...rules
      .filter(({ matched }) => matched === 0)
      .map(
        ({ name, where, unclear: open }) =>
          `the rule "${name}" (${where}) never matched${open === 0 ? "" : " as far as can be told"}`,
      ),
  ];
}

function moment(at: string): string {
  return at.replace("T", " ").replace(/\.\d+Z$/, "Z");
}
