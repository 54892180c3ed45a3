import { rollback as operation, type RollbackReport } from "../../operations/rollback.js";
import { show } from "../../reconcile/events.js";
import { ask } from "../ask.js";
import type { Globals } from "../globals.js";
import { paint } from "../output/paint.js";
import { markdownTable, print } from "../output/print.js";
import { table } from "../output/table.js";
import { who } from "../process.js";

export interface RollbackOptions {
  readonly to?: string;
  readonly pullRequest?: true;
  readonly dryRun?: true;
  readonly because?: string;
}

const HEAD = ["TARGET", "SETTING", "NOW", "THEN"] as const;

export async function rollback(environment: string, options: RollbackOptions, globals: Globals): Promise<void> {
  const { to, pullRequest = false, dryRun = false, because } = options;
  const args = {
    ...{ environment, pullRequest, dryRun, by: who() },
    ...(to === undefined ? {} : { to }),
    ...(because === undefined ? {} : { because }),
  };
  const report = await ask(operation, args, globals);
  await print(globals.output, {
    data: report,
    table: () => `${paint("bold", sentence(report))}\n${changes(report)}`,
    markdown: () => (report.changes.length === 0 ? SAME : markdownTable(HEAD, rows(report))),
  });
}

function sentence({ environment, to, branch, commit, pullRequest }: RollbackReport): string {
  const goal = `${environment} to ${to.slice(0, 10)}`;
  if (commit === null) return `would roll back ${goal}`;
  const where = pullRequest === undefined ? `the branch ${branch ?? ""}` : pullRequest.url;
  return `rolls back ${goal}: ${commit.slice(0, 10)} on ${where}`;
}

const SAME = "No setting is known to change.\n";

function changes(report: RollbackReport): string {
  return report.changes.length === 0 ? `  ${SAME}` : table({ head: HEAD, rows: rows(report), shrink: [3, 2, 1] });
}

function rows({ changes }: RollbackReport): string[][] {
  return changes.map(({ target, path, before, after }) => [target, path, show(before), show(after)]);
}
