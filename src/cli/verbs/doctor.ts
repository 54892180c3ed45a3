import { formatDuration } from "../../lib/duration.js";
import { doctor as operation, type Check } from "../../operations/doctor.js";
import { ask } from "../ask.js";
import { paint } from "../output/paint.js";
import { markdownTable, print } from "../output/print.js";
import { table } from "../output/table.js";
import type { Globals } from "../globals.js";

const HEAD = ["WHAT", "RESULT", "LATENCY", "DETAIL", "WHAT TO DO"] as const;

export async function doctor(globals: Globals): Promise<void> {
  const report = await ask(operation, {}, globals);
  const warnings = report.warnings.map((warning) => `${paint("yellow", "warning:")} ${warning}\n`).join("");
  await print(globals.output, {
    data: report,
    table: () => table({ head: HEAD, rows: report.checks.map(row), shrink: [4, 3] }) + warnings,
    markdown: () => markdownTable(HEAD, report.checks.map(row)),
  });
  process.exitCode = report.healthy ? 0 : 1;
}

function row({ what, result, milliseconds, detail, error }: Check): string[] {
  const advice =
    error === undefined
      ? ""
      : [error.message === detail ? "" : error.message, error.where, error.hint].filter(Boolean).join("; ");
  return [what, paint(result === "ok" ? "green" : "red", result), formatDuration(milliseconds), detail, advice];
}
