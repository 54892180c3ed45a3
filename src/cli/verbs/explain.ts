import { explain as operation } from "../../operations/explain.js";
import type { Explanation } from "../../reconcile/explanation.js";
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
        ["SETTING", "FINDING", "SEVERITY", "ACTIONS", "RULE"],
        explanations.map(({ target, path: at, kind, severity, actions, rule }) => [
          `${target} ${at}`,
          kind,
          severity,
          actions.join(", "),
          rule,
        ]),
      ),
  });
}

function text({ environment, target, path, kind, found, severity, actions, rule, rules }: Explanation): string {
  const what = found ? kind : `in sync; if it were ${kind}`;
  const lines = [
    `${paint("bold", `${environment}/${target} ${path}`)} ${what}: ${paintWord(severity)}, ${actions.join(" and ") || "no action"}, by ${rule}`,
    ...rules.map(({ name, where, said }) => `  ${name} ${paint("dim", `(${where})`)}: ${said}`),
  ];
  if (!rules.some(({ name }) => name === rule)) lines.push(`  ${rule}: no rule spoke, so Trueup's own does`);
  return `${lines.join("\n")}\n`;
}
