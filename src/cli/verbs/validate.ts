import { TrueupError } from "../../core/errors.js";
import { suggestion } from "../../lib/suggest.js";
import { validateEnvironments, type ValidationReport } from "../../operations/validate.js";
import type { Globals } from "../globals.js";
import { withSession } from "../session.js";
import { errorText } from "../output/error.js";
import { paint, paintWord } from "../output/paint.js";
import { markdownTable, print } from "../output/print.js";

/** Renders and checks every environment. Needs git, but neither the store nor a live system. */
export async function validate(environments: readonly string[], globals: Globals): Promise<void> {
  const report = await withSession(globals, (session, context) => {
    const known = [...session.config.environments.keys()];
    const unknown = environments.find((name) => !known.includes(name));
    if (unknown !== undefined) {
      throw new TrueupError("USAGE", `trueup.yaml names no environment \`${unknown}\``, {
        hint: suggestion(unknown, known),
      });
    }
    return validateEnvironments(session, environments.length === 0 ? known : environments, context);
  });
  await print(globals.output, { data: report, table: () => text(report), markdown: () => markdown(report) });
  process.exitCode = report.valid ? 0 : 1;
}

function text({ environments, warnings }: ValidationReport): string {
  const lines = environments.map(({ name, revision, error, targets }) => {
    const bad = targets.filter((target) => target.error !== undefined);
    const verdict =
      error === undefined && bad.length === 0
        ? paintWord("Synced").replace("Synced", "valid")
        : paintWord("Failed").replace("Failed", "invalid");
    const head = `${paint("bold", name)}${revision === null ? "" : ` at ${revision.slice(0, 10)}`}: ${verdict}, ${targets.length} target${targets.length === 1 ? "" : "s"}\n`;
    const faults = [
      ...(error === undefined ? [] : [error]),
      ...bad.flatMap((target) => (target.error === undefined ? [] : [target.error])),
    ];
    return head + faults.map(errorText).join("");
  });
  return lines.join("") + warnings.map((warning) => `${paint("yellow", "warning:")} ${warning}\n`).join("");
}

function markdown({ environments, warnings }: ValidationReport): string {
  const rows = environments.flatMap(({ name, error, targets }) => [
    ...(error === undefined ? [] : [[name, "", error.message, error.where ?? ""]]),
    ...targets.map((target) => [name, target.name, target.error?.message ?? "valid", target.error?.where ?? ""]),
  ]);
  return (
    markdownTable(["ENVIRONMENT", "TARGET", "RESULT", "WHERE"], rows) +
    warnings.map((warning) => `\n- ${warning}\n`).join("")
  );
}
