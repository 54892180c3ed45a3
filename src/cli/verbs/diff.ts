import { diff as operation } from "../../operations/diff.js";
import type { EnvironmentReports } from "../../operations/diff.js";
import type { EnvironmentReport, ReportedFinding } from "../../reconcile/report.js";
import { ask } from "../ask.js";
import { type Annotation, errorAnnotation } from "../output/annotation.js";
import { print } from "../output/print.js";
import { exitCode, printable } from "../output/report.js";
import type { Globals } from "../globals.js";

export async function diff(environments: readonly string[], globals: Globals): Promise<void> {
  const reports = await ask(operation, { environments: [...environments] }, globals);
  await print(globals.output, {
    ...printable(reports),
    annotations: () => reports.environments.flatMap(annotations),
    outputs: () => outputs(reports),
  });
  process.exitCode = exitCode(reports);
}

/** Drift: what the live side moved. What git moved is pending. */
function drifted({ targets }: EnvironmentReport): readonly ReportedFinding[] {
  return targets.flatMap(({ findings }) => findings.filter(({ kind }) => kind !== "pending"));
}

/** Errors, and one line an environment: GitHub shows ten annotations of a kind in a step, and no more. */
function annotations(environment: EnvironmentReport): Annotation[] {
  const { name, error, targets } = environment;
  const errors = [...(error === undefined ? [] : [error]), ...targets.flatMap((target) => target.error ?? [])];
  const count = drifted(environment).length;
  const message = `${count === 1 ? "1 setting has" : `${count} settings have`} drifted`;
  return [
    ...errors.map((one) => errorAnnotation(one, `trueup: ${name}`)),
    ...(count === 0 ? [] : [{ level: "warning", message, title: `trueup: ${name}` } as const]),
  ];
}

function outputs({ environments }: EnvironmentReports): Record<string, string> {
  const states = environments.flatMap(({ state, targets }) => [state, ...targets.map((target) => target.state)]);
  const order = ["Failed", "Unknown", "Drifted", "Pending", "Suspended", "Synced"] as const;
  return {
    state: order.find((state) => states.includes(state)) ?? "Synced",
    drift: String(environments.some((environment) => drifted(environment).length > 0)),
  };
}
