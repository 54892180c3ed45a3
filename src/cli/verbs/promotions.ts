import { promotions as operation, type PromotionsReport } from "../../operations/promotions.js";
import type { HopReport } from "../../promotion/report.js";
import { ask } from "../ask.js";
import type { Globals } from "../globals.js";
import { errorText } from "../output/error.js";
import { paint } from "../output/paint.js";
import { markdownTable, print } from "../output/print.js";
import { paintGate, paintState, sinceOf, summaryOf } from "../output/promotion.js";
import { table } from "../output/table.js";

const HEAD = ["FROM", "TO", "REVISION", "GATE", "STATE", "SINCE", "WHY"] as const;

/** What waits where, since when, and on which gate. Exit 1 where a policy cannot be read or a promotion is blocked. */
export async function promotions(globals: Globals): Promise<void> {
  const report = await ask(operation, {}, globals);
  await print(globals.output, {
    data: report,
    table: () => text(report),
    markdown: () => markdown(report),
    outputs: () => ({ waiting: String(count(report, "waiting")), blocked: String(count(report, "blocked")) }),
  });
  for (const { environment, error } of report.faults) {
    process.stderr.write(errorText({ ...error, message: `nothing is promoted into ${environment}: ${error.message}` }));
  }
  process.exitCode = report.faults.length > 0 || count(report, "blocked") > 0 ? 1 : 0;
}

function count({ hops }: PromotionsReport, state: HopReport["state"]): number {
  return hops.filter((hop) => hop.state === state).length;
}

const PAINTED = { state: paintState, gate: paintGate };
const PLAIN: typeof PAINTED = { state: (state) => state, gate: (state) => state };

function text(report: PromotionsReport): string {
  if (report.hops.length === 0 && report.faults.length === 0) {
    return "nothing is promoted: there is no policies/promotion.yaml\n";
  }
  const next = report.hops.flatMap(({ from, to, next: lines }) =>
    lines.length === 0 ? [] : [`\n${paint("bold", `${from} → ${to}`)}, next:\n`, ...lines.map((line) => `  ${line}\n`)],
  );
  return [table({ head: HEAD, rows: rows(report, PAINTED), shrink: [6] }), ...next].join("");
}

function markdown(report: PromotionsReport): string {
  const next = report.hops.flatMap(({ from, to, next: lines }) => lines.map((line) => `- ${from} → ${to}: ${line}\n`));
  const faults = report.faults.map(({ environment, error }) => `- ${environment}: ${error.message} (${error.code})\n`);
  return [markdownTable(HEAD, rows(report, PLAIN)), next.join(""), faults.join("")].filter(Boolean).join("\n");
}

/** A row for each hop, below it one for each gate that has not passed by itself; then what is offered back. */
function rows({ hops, backports }: PromotionsReport, paints: typeof PAINTED): string[][] {
  return [
    ...hops.flatMap((hop) => [
      hopRow(hop, "", paints),
      ...hop.gates
        .filter(({ state }) => isTold(hop, state))
        .map(({ name, state, since, reason }) => [
          ...["", "", "", name, paints.gate(state)],
          ...[sinceOf(since), reason],
        ]),
    ]),
    ...backports.map((backport) => hopRow(backport, "back-port", paints)),
  ];
}

/** Of what nobody asked for, gates need not be told. */
function isTold({ state }: HopReport, gate: HopReport["gates"][number]["state"]): boolean {
  return gate !== "passed" && state !== "idle";
}

function hopRow(hop: HopReport, gate: string, paints: typeof PAINTED): string[] {
  const { from, to, revision, state, since, pullRequest, reason } = hop;
  const why = gate === "" ? summaryOf(hop) : reason;
  return [
    ...[from, to, revision?.slice(0, 10) ?? "", gate, paints.state(state), sinceOf(since)],
    pullRequest === undefined || why.includes(pullRequest.url) ? why : `${why} (${pullRequest.url})`,
  ];
}
