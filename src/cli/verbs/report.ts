import { TrueupError } from "../../core/errors.js";
import { report as operation } from "../../operations/report.js";
import { show } from "../../reconcile/events.js";
import type { DriftReport } from "../../reports/drift-report.js";
import { reportHtml } from "../../reports/html.js";
import { reportMarkdown } from "../../reports/markdown.js";
import { byEnvironment, moment, spans, sum, summaryOf } from "../../reports/words.js";
import { formOf, reportText, writeReport } from "../../reports/write.js";
import { ago } from "../ago.js";
import { ask } from "../ask.js";
import type { Globals } from "../globals.js";
import { paint, paintWord } from "../output/paint.js";
import { print, write } from "../output/print.js";
import { table } from "../output/table.js";

export interface ReportOptions {
  readonly since: string;
  readonly file?: string;
  /** A notifier. */
  readonly to?: string;
}

/** The verb alone also answers with a page. */
export interface ReportGlobals extends Omit<Globals, "output"> {
  readonly output: Globals["output"] | "html";
}

export async function report(
  environments: readonly string[],
  { since, file, to }: ReportOptions,
  { output, ...globals }: ReportGlobals,
): Promise<void> {
  const form = file === undefined ? undefined : formOf(file);
  if (file !== undefined && form === undefined) {
    throw new TrueupError("USAGE", `the name of ${file} does not say in which form the report shall be written`, {
      hint: "end it in .html, .md or .json",
    });
  }
  const args = { environments: [...environments], since: ago(since), ...(to === undefined ? {} : { to }) };
  const answer = await ask(operation, args, { ...globals, output: output === "html" ? "table" : output });
  if (file !== undefined && form !== undefined) await writeReport(file, reportText(answer, form));
  // Whoever sends or writes it does not read it here.
  if (file !== undefined || to !== undefined) return;
  if (output === "html") return write(reportHtml(answer));
  await print(output, { data: answer, table: () => text(answer), markdown: () => reportMarkdown(answer) });
}

const ENVIRONMENTS = [
  "ENVIRONMENT",
  "FOUND",
  "HEALED",
  "ADOPTED",
  "GONE",
  "AGAIN",
  "OPEN",
  "MEDIAN",
  "LONGEST",
] as const;
const OPEN = ["SEVERITY", "SETTING", "LIVE", "DESIRED", "SINCE", ""] as const;
const NOISIEST = ["TIMES", "SETTING", "HEALED", "WORST", "LAST"] as const;

function text(answer: DriftReport): string {
  const environments = byEnvironment(answer).map((one) => {
    const { healed, adopted, resolved } = one.ended;
    const [median, , longest] = spans(one.timeToResolve);
    const counts = [sum(one.found), healed, adopted, resolved, one.recurring, sum(one.open)].map(String);
    return [one.name, ...counts, median, longest];
  });
  const open = answer.open.map((drift) => [
    paintWord(drift.severity),
    `${drift.environment}/${drift.target} ${drift.path}`,
    show(drift.live),
    show(drift.desired),
    drift.since === null ? "–" : moment(drift.since),
    drift.restrained ?? "",
  ]);
  const noisiest = answer.noisiest.map((one) => [
    String(one.times),
    `${one.environment}/${one.target} ${one.path}`,
    String(one.healed),
    paintWord(one.severity),
    moment(one.last),
  ]);
  const section = (title: string, rows: string[][], head: readonly string[]): string =>
    rows.length === 0 ? "" : `\n${paint("bold", title)}\n${table({ head, rows, shrink: [1, 2, 3] })}`;
  return [
    `${moment(answer.from)} – ${moment(answer.to)} UTC\n${summaryOf(answer)}\n`,
    section("Environments (time to resolve)", environments, ENVIRONMENTS),
    section("Open now", open, OPEN),
    section("Noisiest settings", noisiest, NOISIEST),
  ].join("");
}
