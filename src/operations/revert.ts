import { z } from "zod";
import type { Pointer } from "../core/pointer.js";
import { isDrift } from "../reconcile/adopt.js";
import { reconcileEnvironment } from "../reconcile/environment.js";
import type { EnvironmentReport } from "../reconcile/report.js";
import type { Session } from "../reconcile/session.js";
import { type EnvironmentReports, overEnvironments } from "./diff.js";
import type { Operation } from "./operation.js";
import { noDrift, selectOne, settingsIn } from "./selection.js";

const argsSchema = z.object({
  environment: z.string(),
  /** A JSON Pointer or glob; without one, everything that drifted. */
  path: z.string().optional(),
  confirm: z.boolean().default(false),
  by: z.string(),
  because: z.string().optional(),
});
type Args = z.output<typeof argsSchema>;

/** Writes the desired values over drift now, whatever the policy would do with it. What is pending stays so. */
export const revert: Operation<Args, EnvironmentReports> = {
  name: "revert",
  args: argsSchema,
  async run(session, args, context) {
    selectOne(session, args.environment);
    const isMeant = settingsIn(args.path);
    const reports = await overEnvironments(session, { words: [args.environment], context }, async (pass) => {
      const report = await reconcileEnvironment(session, pass, {
        ...{ sync: false, confirm: args.confirm },
        heal: (finding) => isDrift(finding) && isMeant(finding.path),
      });
      await tell(session, report, args);
      return report;
    });
    if (args.path !== undefined && saysNothing(reports, isMeant)) throw noDrift(args.environment, args.path);
    return reports;
  },
};

/** Whether all was looked at, and nothing that was meant has drifted: a slip of the pen, most likely. */
function saysNothing({ environments }: EnvironmentReports, isMeant: (path: Pointer) => boolean): boolean {
  return environments.every(
    ({ error, targets }) =>
      error === undefined &&
      targets.every(
        (target) =>
          target.error === undefined &&
          target.refused === undefined &&
          (target.outcomes ?? []).length === 0 &&
          !target.findings.some((finding) => isDrift(finding) && isMeant(finding.path)),
      ),
  );
}

async function tell(session: Session, report: EnvironmentReport, { by, because }: Args): Promise<void> {
  const why = because === undefined ? "" : `: ${because}`;
  const events = report.targets.flatMap(({ name: target, outcomes = [] }) =>
    outcomes
      .filter(({ result }) => result === "healed" || result === "pendingRestart")
      .map(({ path }) => ({
        ...{ environment: report.name, target, path, type: "reverted" },
        ...(report.revision === null ? {} : { revision: report.revision }),
        message: `${by} reverted ${path} to git${why}`,
        detail: { by, ...(because === undefined ? {} : { because }) },
      })),
  );
  if (events.length > 0) await (await session.store()).history.append(events);
}
