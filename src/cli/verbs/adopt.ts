import { adopt as operation, type AdoptReport } from "../../operations/adopt.js";
import { show } from "../../reconcile/events.js";
import { ask } from "../ask.js";
import type { Globals } from "../globals.js";
import { paint } from "../output/paint.js";
import { markdownTable, print } from "../output/print.js";
import { table } from "../output/table.js";
import { who } from "../process.js";

export interface AdoptOptions {
  readonly layer?: string;
  readonly branch?: string;
  readonly direct?: true;
  readonly because?: string;
  readonly dryRun?: true;
}

export async function adopt(
  environment: string,
  path: string | undefined,
  options: AdoptOptions,
  globals: Globals,
): Promise<void> {
  const { direct = false, dryRun = false, ...rest } = options;
  const at = path === undefined ? {} : { path };
  const report = await ask(operation, { ...rest, ...at, environment, direct, dryRun, by: who() }, globals);
  await print(globals.output, {
    data: report,
    table: () =>
      [
        rows(report).length === 0 ? "" : table({ head: HEAD, rows: rows(report), shrink: [4, 3, 2] }),
        ...report.settings.flatMap(({ error }) =>
          error === undefined ? [] : [`${paint("yellow", "not adopted:")} ${error.message} (${error.code})\n`],
        ),
        report.patch ?? "",
        `${says(report)}\n`,
      ].join(""),
    markdown: () => `${markdownTable(HEAD, rows(report))}\n${says(report)}\n`,
  });
  process.exitCode = report.settings.some(({ error }) => error !== undefined) ? 1 : 0;
}

const HEAD = ["TARGET", "SETTING", "DESIRED", "LIVE", "WRITTEN TO"] as const;

function rows({ settings }: AdoptReport): string[][] {
  return settings.map(({ target, path, desired, live, where }) => [
    target,
    path,
    show(desired),
    show(live),
    where ?? "not written",
  ]);
}

function says({ environment, settings, branch, commit, direct, patch }: AdoptReport): string {
  if (settings.length === 0) return `${environment} has no drift: nothing to adopt`;
  if (patch !== undefined) return "nothing was committed: this is a dry run";
  if (branch === null) return "nothing was committed";
  if (direct) return `committed ${commit?.slice(0, 10) ?? ""} to ${branch}: the next pass finds it in sync`;
  const done = commit === null ? "is there already with these values" : `has the commit ${commit.slice(0, 10)}`;
  return `the branch ${branch} ${done}; merge it into the branch of ${environment} to adopt`;
}
