import { TrueupError } from "../../core/errors.js";
import { promote as operation } from "../../operations/promote.js";
import type { HopReport } from "../../promotion/report.js";
import { ask } from "../ask.js";
import type { Globals } from "../globals.js";
import { print } from "../output/print.js";
import { hopMarkdown, hopText } from "../output/promotion.js";
import { who } from "../process.js";

export interface PromoteOptions {
  readonly toRevision?: string;
  readonly dryRun?: true;
  readonly merge?: true;
  readonly approve?: true;
  readonly waive?: readonly string[];
  readonly withdraw?: true;
  readonly because?: string;
}

export interface PromotePlace {
  readonly from: string;
  readonly to: string | undefined;
}

/** Exit 0 promoted or nothing to promote, 2 waiting, 1 blocked. @throws TrueupError USAGE */
export async function promote({ from, to }: PromotePlace, options: PromoteOptions, globals: Globals): Promise<void> {
  const { toRevision, dryRun = false, merge = false, approve = false, waive = [], because } = options;
  const { withdraw = false } = options;
  if (dryRun && (merge || approve || waive.length > 0)) {
    throw new TrueupError("USAGE", "a dry run decides nothing", { hint: "leave --dry-run out, or the decision" });
  }
  if (withdraw && (dryRun || merge || approve || waive.length > 0)) {
    throw new TrueupError("USAGE", "who withdraws what they said decides nothing else with it", {
      hint: "leave --withdraw out, or all the other decisions",
    });
  }
  const args = {
    ...{ from, dryRun, merge, approve, waive: [...waive], by: who() },
    ...(to === undefined ? {} : { to }),
    ...(toRevision === undefined ? {} : { revision: toRevision }),
    ...(because === undefined ? {} : { because }),
    ...(withdraw && { withdraw }),
  };
  const report = await ask(operation, args, globals);
  await print(globals.output, {
    data: report,
    table: () => hopText(report.hop),
    markdown: () => hopMarkdown(report.hop),
    outputs: () => outputs(report.hop),
  });
  const { state } = report.hop;
  process.exitCode = state === "blocked" || state === "declined" ? 1 : state === "waiting" ? 2 : 0;
}

function outputs({ state, revision, pullRequest }: HopReport): Record<string, string> {
  return {
    state,
    ...(revision === null ? {} : { revision }),
    ...(pullRequest === undefined ? {} : { "pull-request": pullRequest.url }),
  };
}
