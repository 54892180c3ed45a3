import { TrueupError } from "../../core/errors.js";
import {
  resume as resumeOperation,
  suspend as suspendOperation,
  type SuspendReport,
} from "../../operations/suspend.js";
import { ahead } from "../ahead.js";
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
  const reason = options.because.trim();
  if (reason === "") {
    throw new TrueupError("USAGE", "a suspension has a reason", { hint: 'trueup suspend prod --because "INC-123"' });
  }
  const until = options.for === undefined ? {} : { until: ahead(options.for) };
  await tell(
    await ask(suspendOperation, { environments: [...environments], by: who(), reason, ...until }, globals),
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
