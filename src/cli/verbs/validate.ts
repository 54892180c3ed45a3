import { posix } from "node:path";
import { TrueupError } from "../../core/errors.js";
import { suggestion } from "../../lib/suggest.js";
import { validateEnvironments, type ValidationReport } from "../../operations/validate.js";
import type { ReportedError } from "../../reconcile/report.js";
import type { Globals } from "../globals.js";
import { withSession } from "../session.js";
import { errorText } from "../output/error.js";
import { type Annotation, errorAnnotation } from "../output/annotation.js";
import { paint, paintWord } from "../output/paint.js";
import { markdownTable, print } from "../output/print.js";

/** Renders and checks every environment. Needs git, but neither the store nor a live system. */
export async function validate(environments: readonly string[], globals: Globals): Promise<void> {
  let folder = ".";
  const report = await withSession(globals, (session, context) => {
    folder = session.config.repository.path;
    const known = [...session.config.environments.keys()];
    const unknown = environments.find((name) => !known.includes(name));
    if (unknown !== undefined) {
      throw new TrueupError("USAGE", `trueup.yaml names no environment \`${unknown}\``, {
        hint: suggestion(unknown, known),
      });
    }
    return validateEnvironments(session, environments.length === 0 ? known : environments, context);
  });
  await print(globals.output, {
    data: report,
    table: () => text(report),
    markdown: () => markdown(report),
    annotations: () => annotations(report, folder),
    outputs: () => ({ state: report.valid ? "valid" : "invalid" }),
  });
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

/** One for each fault: what a layer has wrong is wrong in every environment that stands on it. */
function annotations({ environments, warnings }: ValidationReport, folder: string): Annotation[] {
  const faults = new Map<string, { readonly error: ReportedError; readonly names: string[] }>();
  for (const { name, error, targets } of environments) {
    for (const fault of [error, ...targets.map((target) => target.error)]) {
      if (fault === undefined) continue;
      const key = JSON.stringify(fault);
      const known = faults.get(key) ?? { error: fault, names: [] };
      if (!known.names.includes(name)) known.names.push(name);
      faults.set(key, known);
    }
  }
  const errors = [...faults.values()].map(({ error, names }) =>
    inFolder(errorAnnotation(error, `trueup: ${names.join(", ")}`), folder),
  );
  const others = warnings.map((warning): Annotation => {
    const [, where, message] = /^(\S+:\d+:\d+): ([^]*)$/.exec(warning) ?? [];
    if (where === undefined || message === undefined) return { level: "warning", message: warning, title: "trueup" };
    return inFolder({ level: "warning", message, where, title: "trueup" }, folder);
  });
  return [...errors, ...others];
}

/** Places are relative to `repository.path`; GitHub counts from the repository's top. */
function inFolder(annotation: Annotation, folder: string): Annotation {
  const { where } = annotation;
  if (where === undefined || !/^(environments|policies)\//.test(where)) return annotation;
  return { ...annotation, where: posix.join(folder, where) };
}
