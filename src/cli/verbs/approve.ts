import { TrueupError } from "../../core/errors.js";
import { type ApprovablePlan, approve as operation, type ApproveReport, whose } from "../../operations/approve.js";
import { show } from "../../reconcile/events.js";
import { shortPlan } from "../../reconcile/report.js";
import { ask } from "../ask.js";
import type { Globals } from "../globals.js";
import { paint, paintWord } from "../output/paint.js";
import { markdownTable, print } from "../output/print.js";
import { table } from "../output/table.js";
import { who } from "../process.js";

export interface ApproveOptions {
  readonly because?: string;
}

export interface ApprovePlace {
  readonly word: string | undefined;
  readonly plan: string | undefined;
}

/** @throws TrueupError USAGE */
export async function approve(
  { word, plan }: ApprovePlace,
  { because }: ApproveOptions,
  globals: Globals,
): Promise<void> {
  if (because !== undefined && plan === undefined) {
    throw new TrueupError("USAGE", "which plan is approved?", {
      hint: "name it by its hash: trueup approve prod/settings 1a2b3c4d5e6f",
    });
  }
  const report = await ask(
    operation,
    {
      by: who(),
      ...(word === undefined ? {} : { word }),
      ...(plan === undefined ? {} : { plan }),
      ...(because === undefined ? {} : { because }),
    },
    globals,
  );
  await print(globals.output, {
    data: report,
    table: () => text(report, word),
    markdown: () =>
      report.did === "listed"
        ? markdownTable(HEAD, report.plans.map(row))
        : report.plans.map((one) => `${sentence(one)}\n\n${markdownTable(CHANGES, changes(one, plain))}`).join("\n"),
  });
}

const HEAD = ["ENVIRONMENT", "TARGET", "PLAN", "CHANGES", "WRITTEN BY", "APPROVED"] as const;
const CHANGES = ["SETTING", "ACTION", "LIVE", "DESIRED", "SEVERITY"] as const;

function text({ did, plans }: ApproveReport, word: string | undefined): string {
  if (plans.length === 0) return `no plan${word === undefined ? "" : ` of ${word}`} waits for an approval\n`;
  if (did === "listed") return table({ head: HEAD, rows: plans.map(row), shrink: [5] });
  return plans
    .map((one) => {
      const drawn = table({ head: CHANGES, rows: changes(one, paintWord), shrink: [2, 3, 0] });
      return `${paint("bold", sentence(one))}\n${drawn.replaceAll(/^(?=.)/gm, "  ")}${next(one)}`;
    })
    .join("\n");
}

function row(plan: ApprovablePlan): string[] {
  const { environment, target, changes: count, approved } = plan;
  return [environment, target, shortPlan(plan.plan), String(count), whose(plan), approved?.by ?? "waits"];
}

function changes({ settings = [] }: ApprovablePlan, severity: (word: string) => string): string[][] {
  return settings.map((one) => [one.path, one.action, show(one.live), show(one.desired), severity(one.severity)]);
}

function plain(word: string): string {
  return word;
}

function sentence(one: ApprovablePlan): string {
  const { environment, target, plan, changes: count, approved } = one;
  const size = count === 1 ? "1 change" : `${count} changes`;
  const state =
    approved === undefined
      ? "waits for an approval"
      : `is approved by ${approved.by}${approved.reason === undefined ? "" : `: ${approved.reason}`}`;
  return `${environment}/${target}: the plan ${shortPlan(plan)} of ${whose(one)} (${size}) ${state}`;
}

function next({ environment, target, plan, approved }: ApprovablePlan): string {
  return approved === undefined ? `to approve it: trueup approve ${environment}/${target} ${shortPlan(plan)}\n` : "";
}
