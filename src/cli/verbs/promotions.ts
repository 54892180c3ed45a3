import { promotions as operation, type PromotionsReport } from "../../operations/promotions.js";
import { formatDuration } from "../../lib/duration.js";
import { ask } from "../ask.js";
import type { Globals } from "../globals.js";
import { errorText } from "../output/error.js";
import { markdownTable, print } from "../output/print.js";
import { paintState } from "../output/promotion.js";
import { table } from "../output/table.js";

const HEAD = ["FROM", "TO", "REVISION", "STATE", "SINCE", "WHY"] as const;

/** What waits where, since when, and on which gate. Exit 1 where a policy cannot be read or a promotion is blocked. */
export async function promotions(globals: Globals): Promise<void> {
  const report = await ask(operation, {}, globals);
  await print(globals.output, {
    data: report,
    table: () => text(report),
    markdown: () =>
      markdownTable(
        HEAD,
        rows(report, (state) => state),
      ),
  });
  for (const { error } of report.faults) process.stderr.write(errorText(error));
  const blocked = report.faults.length > 0 || report.hops.some(({ state }) => state === "blocked");
  process.exitCode = blocked ? 1 : 0;
}

function text(report: PromotionsReport): string {
  if (report.hops.length === 0 && report.faults.length === 0) {
    return "nothing is promoted: there is no policies/promotion.yaml\n";
  }
  return table({ head: HEAD, rows: rows(report, paintState), shrink: [5] });
}

function rows(
  { hops, backports }: PromotionsReport,
  paint: (state: PromotionsReport["hops"][number]["state"]) => string,
): string[][] {
  return [...hops, ...backports].map(({ from, to, revision, state, since, reason, pullRequest }) => [
    ...[from, to, revision?.slice(0, 10) ?? "", paint(state)],
    since === undefined ? "" : formatDuration(Date.now() - Date.parse(since)),
    pullRequest === undefined ? reason : `${reason} (${pullRequest.url})`,
  ]);
}
