import { compareEnvironments, type CompareReport } from "../../operations/compare.js";
import { show } from "../../reconcile/events.js";
import { ask } from "../ask.js";
import type { Globals } from "../globals.js";
import { paint } from "../output/paint.js";
import { markdownTable, print } from "../output/print.js";
import { table } from "../output/table.js";

/** Two environments side by side. */
export async function compare(from: string, to: string, globals: Globals): Promise<void> {
  const report = await ask(compareEnvironments, { from, to }, globals);
  const head = ["TARGET", "SETTING", from.toUpperCase(), to.toUpperCase(), "PROMOTED", "WHY"];
  await print(globals.output, {
    data: report,
    table: () => text(report, head),
    markdown: () => markdownTable(head, rows(report)),
  });
}

const RELATIONS: Readonly<Record<CompareReport["relation"], string>> = {
  held: "a promotion would change nothing",
  ahead: "a promotion is possible",
  conflicting: "a promotion is blocked: both sides changed the same",
  unrelated: "a promotion is not possible: the branches have no common history",
};

function text(report: CompareReport, head: readonly string[]): string {
  const { from, to, relation, settings } = report;
  const title = `${from.name} at ${from.revision.slice(0, 10)}, ${to.name} at ${to.revision.slice(0, 10)}: ${RELATIONS[relation]}\n`;
  const all = rows(report);
  if (settings.length === 0) return `${paint("bold", title)}  both say the same\n`;
  return `${paint("bold", title)}${table({ head, rows: all, shrink: [3, 2, 4, 1] })}`;
}

function rows({ settings }: CompareReport): string[][] {
  return settings.map(({ target, path, from, to, promoted, why }) => [
    ...[target, path, show(from), show(to)],
    promoted === undefined ? "" : show(promoted),
    why === "overlay" ? "different on purpose" : "promotion",
  ]);
}
