import { compareEnvironments, type ComparedSetting, type CompareReport } from "../../operations/compare.js";
import { show } from "../../reconcile/events.js";
import { ask } from "../ask.js";
import type { Globals } from "../globals.js";
import { paint } from "../output/paint.js";
import { markdownTable, print } from "../output/print.js";
import { table } from "../output/table.js";

/** Two environments side by side. */
export async function compare(from: string, to: string, globals: Globals): Promise<void> {
  const report = await ask(compareEnvironments, { from, to }, globals);
  await print(globals.output, {
    data: report,
    table: () => text(report),
    markdown: () => markdown(report),
    outputs: () => ({ relation: report.relation, changes: String(report.settings.filter(isPromoted).length) }),
  });
}

const RELATIONS: Readonly<Record<CompareReport["relation"], string>> = {
  held: "a promotion would change nothing",
  ahead: "a promotion is possible",
  conflicting: "a promotion is blocked: both sides changed the same",
  unrelated: "a promotion is not possible: the branches have no common history",
};

interface Part {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What a promotion would change first; then what is different all the same, and the files that say so. */
function parts({ from, to, relation, settings }: CompareReport): readonly Part[] {
  const sides = [from.name.toUpperCase(), to.name.toUpperCase()];
  const both = ({ target, path, from: one, to: other }: ComparedSetting) => [target, path, show(one), show(other)];
  return [
    {
      title: `A promotion from ${from.name} would change in ${to.name}:`,
      head: ["TARGET", "SETTING", ...sides, `${to.name.toUpperCase()} THEN`],
      rows: settings.filter(isPromoted).map((one) => [...both(one), show(one.promoted ?? null)]),
    },
    {
      title: `The branches say otherwise${relation === "ahead" || relation === "held" ? "; a promotion keeps it so" : ""}:`,
      head: ["TARGET", "SETTING", ...sides, "SAID BY"],
      rows: settings.filter(({ why }) => why === "branch").map((one) => [...both(one), saidBy(one)]),
    },
    {
      title: "Different on purpose, by overlay:",
      head: ["TARGET", "SETTING", ...sides, "SAID BY"],
      rows: settings.filter(({ why }) => why === "overlay").map((one) => [...both(one), saidBy(one)]),
    },
  ].filter(({ rows }) => rows.length > 0);
}

function isPromoted({ why }: ComparedSetting): boolean {
  return why === "promotion";
}

/** Where both say it in the same place, something in it has another value for each. */
function saidBy({ why, where: { from = "", to = "" } }: ComparedSetting): string {
  if (why === "overlay" && from === to && from !== "") return `${from}, by a variable or a secret`;
  return [...new Set([from, to])].filter((place) => place !== "").join(", ");
}

function titleOf({ from, to, relation }: CompareReport): string {
  return `${from.name} at ${from.revision.slice(0, 10)}, ${to.name} at ${to.revision.slice(0, 10)}: ${RELATIONS[relation]}`;
}

/** What an environment does not follow, though its branch is there. */
function failures({ from, to }: CompareReport): readonly string[] {
  return [from, to].flatMap(({ name, failedRevision }) => {
    if (failedRevision === undefined) return [];
    const { revision, reason } = failedRevision;
    return [`${name} does not follow ${revision.slice(0, 10)}, the tip of its branch, which failed: ${reason}`];
  });
}

function text(report: CompareReport): string {
  const shown = parts(report).map(
    ({ title, head, rows }) => `\n${paint("bold", title)}\n${table({ head, rows, shrink: [4, 3, 2, 1] })}`,
  );
  return [
    `${paint("bold", titleOf(report))}\n`,
    ...failures(report).map((line) => `${paint("red", "failed:")} ${line}\n`),
    ...(shown.length === 0 ? ["both say the same\n"] : shown),
  ].join("");
}

function markdown(report: CompareReport): string {
  const shown = parts(report).map(({ title, head, rows }) => `${title}\n\n${markdownTable(head, rows)}`);
  const lines = failures(report).map((line) => `- ${line}\n`);
  return [`**${titleOf(report)}**\n`, ...lines, ...(shown.length === 0 ? ["Both say the same.\n"] : shown)].join("\n");
}
