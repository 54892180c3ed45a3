import { type ExplainedNow, explain as operation } from "../../operations/explain.js";
import { ask } from "../ask.js";
import { paint, paintWord } from "../output/paint.js";
import { markdownTable, print } from "../output/print.js";
import type { Globals } from "../globals.js";

export async function explain(environment: string, path: string | undefined, globals: Globals): Promise<void> {
  const report = await ask(operation, { environment, ...(path === undefined ? {} : { path }) }, globals);
  const { explanations } = report;
  await print(globals.output, {
    data: report,
    table: () =>
      explanations.length === 0
        ? "nothing differs; name a setting to see what would be said of it\n"
        : explanations.map(text).join("\n"),
    markdown: () =>
      markdownTable(
        ["SETTING", "FINDING", "SEVERITY", "ACTIONS", "RULE", "NOW"],
        explanations.map(({ target, path: at, kind, severity, actions, rule, restraints = [] }) => [
          `${target} ${at}`,
          kind,
          severity,
          actions.join(", "),
          rule,
          restraints.join("; "),
        ]),
      ),
  });
}

function text(explained: ExplainedNow): string {
  const { environment, target, path, kind, found, severity, actions, rule, rules, restraints, left = [] } = explained;
  const what = found ? kind : `in sync; if it were ${kind}`;
  const lines = [
    `${paint("bold", `${environment}/${target} ${path}`)} ${what}: ${paintWord(severity)}, ${actions.join(" and ") || "no action"}, by ${rule}`,
    ...rules.map(({ name, where, said }) => `  ${name} ${paint("dim", `(${where})`)}: ${said}`),
  ];
  if (!rules.some(({ name }) => name === rule)) lines.push(`  ${rule}: no rule spoke, so Trueup's own does`);
  if (restraints !== undefined) {
    lines.push(...restraints.map((note) => `  ${paint("yellow", "now:")} ${note}`));
    lines.push(`  which leaves ${left.join(" and ") || "nothing to be done"}`);
  }
  return `${lines.join("\n")}\n`;
}
