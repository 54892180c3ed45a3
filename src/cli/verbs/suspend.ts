import { TrueupError } from "../../core/errors.js";
import { parseDuration } from "../../lib/duration.js";
import {
  resume as resumeOperation,
  suspend as suspendOperation,
  type SuspendReport,
} from "../../operations/suspend.js";
import { ask } from "../ask.js";
import { who } from "../process.js";
import { markdownTable, print } from "../output/print.js";
import type { Globals } from "../globals.js";

export interface SuspendOptions {
  readonly because: string;
  readonly for?: string;
}

export async function suspend(
  environments: readonly string[],
  options: SuspendOptions,
  globals: Globals,
): Promise<void> {
  const duration = options.for === undefined ? undefined : parseDuration(options.for);
  if (options.for !== undefined && duration === undefined) {
    throw new TrueupError("USAGE", `\`${options.for}\` is not a duration`, { hint: "write it as 30m, 4h or 7d" });
  }
  const until = duration === undefined ? {} : { until: new Date(Date.now() + duration).toISOString() };
  await tell(
    await ask(
      suspendOperation,
      { environments: [...environments], by: who(), reason: options.because, ...until },
      globals,
    ),
    globals,
  );
}

export async function resume(environments: readonly string[], globals: Globals): Promise<void> {
  await tell(await ask(resumeOperation, { environments: [...environments], by: who() }, globals), globals);
}

async function tell(report: SuspendReport, { output }: Globals): Promise<void> {
  const says = ({ name, suspended, changed }: SuspendReport["environments"][number]) =>
    suspended
      ? `${name} is suspended: it is read, and nothing is written`
      : `${name} ${changed ? "goes on" : "was not suspended"}`;
  await print(output, {
    data: report,
    table: () => report.environments.map((environment) => `${says(environment)}\n`).join(""),
    markdown: () =>
      markdownTable(
        ["ENVIRONMENT", "STATE"],
        report.environments.map((environment) => [environment.name, says(environment)]),
      ),
  });
}
