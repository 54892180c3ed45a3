import { schedule, type ScheduledTask } from "node-cron";
import type { ReportConfig } from "../config/reports.js";
import { formatPlace } from "../core/errors.js";
import { report } from "../operations/report.js";
import { asTrueupError } from "../reconcile/pass.js";
import type { Session } from "../reconcile/session.js";
import { formOf, reportText, writeReport } from "../reports/write.js";

export interface ScheduledReports {
  /** Goes on with the reports that the session's configuration has now. */
  reload(): void;
  stop(): void;
}

/** Writes each report of trueup.yaml at its times. One that fails is one line of the log; the next time it is tried again. */
export function scheduleReports(session: Session): ScheduledReports {
  let tasks: readonly ScheduledTask[] = [];
  const stop = (): void => {
    for (const task of tasks) void task.destroy();
    tasks = [];
  };
  const reload = (): void => {
    stop();
    tasks = session.config.reports.map((config) =>
      schedule(config.cron, () => writeNow(session, config), { timezone: config.timezone, noOverlap: true }),
    );
  };
  reload();
  return { reload, stop };
}

/** Writes one report of trueup.yaml. Never throws. */
async function writeNow(session: Session, { file, since, environments = [] }: ReportConfig): Promise<void> {
  const { log, stop } = session;
  try {
    const from = new Date(Date.now() - since).toISOString();
    const args = { environments: [...environments], since: from };
    const answer = await report.run(session, args, { signal: stop, progress: () => undefined });
    await writeReport(file, reportText(answer, formOf(file) ?? "json"));
    log.info({ event: "report", file }, "wrote the report");
  } catch (error) {
    if (stop.aborted) return;
    const { code, message, hint, where } = asTrueupError(error);
    const place = where === undefined ? undefined : formatPlace(where);
    log.error({ event: "report", file, code, where: place, hint }, `the report was not written: ${message}`);
  }
}
