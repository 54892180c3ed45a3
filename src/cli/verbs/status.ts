import { status as operation, type StatusReport, type TargetStatus } from "../../operations/status.js";
import { ask } from "../ask.js";
import { paint, paintWord } from "../output/paint.js";
import { planSentence } from "../output/report.js";
import { markdownTable, print } from "../output/print.js";
import { table } from "../output/table.js";
import type { Globals } from "../globals.js";

const HEAD = ["ENVIRONMENT", "TARGET", "STATE", "REVISION", "FINDINGS", "REASON"] as const;

export async function status(environments: readonly string[], globals: Globals): Promise<void> {
  const report = await ask(operation, { environments: [...environments] }, globals);
  await print(globals.output, {
    data: report,
    table: () => table({ head: HEAD, rows: rows(report, paintWord), shrink: [5, 4] }),
    markdown: () =>
      markdownTable(
        HEAD,
        rows(report, (word) => word),
      ),
  });
}

function rows({ environments }: StatusReport, state: (word: string) => string): string[][] {
  return environments.flatMap(({ name, state: whole, suspended, failedRevision, targets }) => {
    const reason =
      suspended === undefined
        ? failedRevision === undefined
          ? ""
          : `${failedRevision.revision.slice(0, 10)} failed: ${failedRevision.reason}`
        : `${suspended.by}: ${suspended.reason}${suspended.until === undefined ? "" : ` until ${suspended.until}`}`;
    const head = [paint("bold", name), "", state(whole), "", "", reason];
    return [
      head,
      ...targets.map((target) => [
        "",
        target.name,
        state(target.state),
        target.revision?.slice(0, 10) ?? "",
        Object.entries(target.findings)
          .map(([kind, count]) => `${count} ${kind}`)
          .join(", ") + (target.held === undefined ? "" : ` (${target.held} held)`),
        target.error?.message ??
          target.refused?.message ??
          target.plans?.map(planSentence).join("; ") ??
          target.waits ??
          restart(target.pendingRestart) ??
          target.unproposable ??
          proposed(target.pullRequest),
      ]),
    ];
  });
}

function restart(pointers: readonly string[] | undefined): string | undefined {
  return pointers === undefined ? undefined : `waits for a restart: ${pointers.join(", ")}`;
}

function proposed(pull: TargetStatus["pullRequest"]): string {
  return pull === undefined ? "" : `proposed: ${pull.url ?? `branch ${pull.branch}`}`;
}
