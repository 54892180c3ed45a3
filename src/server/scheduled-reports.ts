import { createHash } from "node:crypto";
import { Cron } from "croner";
import { schedule, type ScheduledTask } from "node-cron";
import type { ReportConfig } from "../config/reports.js";
import { formatPlace } from "../core/errors.js";
import { encodeMessage } from "../delivery/news.js";
import { report } from "../operations/report.js";
import { asTrueupError } from "../reconcile/pass.js";
import type { Session } from "../reconcile/session.js";
import type { DriftReport } from "../reports/drift-report.js";
import { reportMessage } from "../reports/message.js";
import { formOf, reportText, writeReport } from "../reports/write.js";

export interface ScheduledReports {
  /** Goes on with the reports that the session's configuration has now. */
  reload(): void;
  /** Resolves when the reports whose time came while no controller ran are on their way. Never rejects. */
  readonly madeUp: Promise<void>;
  stop(): void;
}

const MINUTE = 60_000;
/** A time that was taken, and the one that croner counts, may lie apart by the hour that daylight saving skips or doubles. */
const APART = 120 * MINUTE;

/** Writes and sends each report of trueup.yaml at its times. One that fails is one line of the log; the next time it is tried again. */
export function scheduleReports(session: Session): ScheduledReports {
  let tasks: readonly ScheduledTask[] = [];
  const stop = (): void => {
    for (const task of tasks) void task.destroy();
    tasks = [];
  };
  const reload = (): void => {
    stop();
    tasks = session.config.reports.map((config) =>
      // The same time on every controller, whenever its timer fires.
      schedule(
        config.cron,
        ({ date }) => tell(session, config, new Date(Math.floor(date.getTime() / MINUTE) * MINUTE)),
        {
          timezone: config.timezone,
          noOverlap: true,
        },
      ),
    );
  };
  reload();
  const madeUp = Promise.all(session.config.reports.map((config) => makeUp(session, config))).then(() => undefined);
  return { reload, stop, madeUp };
}

/** Sends a report whose time came while no controller ran: once, however many of its times that were. */
async function makeUp(session: Session, config: ReportConfig): Promise<void> {
  if (config.to.length === 0) return;
  const { cron, timezone } = config;
  await guarded(session, config, async () => {
    const { schedules } = await session.store();
    const times = new Cron(cron, { paused: true, mode: "5-part", timezone });
    const [latest = new Date(0)] = times.previousRuns(1, new Date());
    const last = await schedules.last(nameOf(config));
    // The first that is heard of it: nobody has waited for it yet.
    if (last === undefined) await schedules.take(nameOf(config), latest.toISOString(), []);
    else if (latest.getTime() > Date.parse(last) + APART) {
      await send(session, { config, time: latest, answer: await compile(session, config) });
    }
  });
}

function tell(session: Session, config: ReportConfig, time: Date): Promise<void> {
  const { file } = config;
  return guarded(session, config, async () => {
    const answer = await compile(session, config);
    if (config.to.length > 0) await send(session, { config, time, answer });
    if (file === undefined) return;
    await writeReport(file, reportText(answer, formOf(file) ?? "json"));
    session.log.info({ event: "report", file }, "wrote the report");
  });
}

function compile(session: Session, { since, environments = [] }: ReportConfig): Promise<DriftReport> {
  const args = { environments: [...environments], since: new Date(Date.now() - since).toISOString() };
  return report.run(session, args, { signal: session.stop, progress: () => undefined });
}

interface Sending {
  readonly config: ReportConfig;
  readonly time: Date;
  readonly answer: DriftReport;
}

/** Puts it into the outbox for each receiver, unless another controller, or this one before it restarted, has done so. */
async function send(session: Session, { config, time, answer }: Sending): Promise<void> {
  const schedules = (await session.store()).schedules;
  const name = nameOf(config);
  const at = new Date().toISOString();
  const id = hash(`${name} ${time.toISOString()}`);
  const messages = config.to.map(({ name: notifier, kind }) => ({
    ...{ notifier, id, incidents: [] },
    message: encodeMessage(reportMessage(answer, { id, at, form: kind.report ?? "sections" })),
  }));
  if (!(await schedules.take(name, time.toISOString(), messages))) return;
  session.news.ring();
  session.log.info({ event: "report", to: messages.map(({ notifier }) => notifier) }, "sent the report to the outbox");
}

/** What trueup.yaml says of it: the same on every controller with the same file, and another where it was changed. */
function nameOf({ cron, timezone, since, environments = [], to }: ReportConfig): string {
  return hash(JSON.stringify(["report", cron, timezone, since, environments, to.map(({ name }) => name)]));
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

/** Never throws. */
async function guarded({ log, stop }: Session, { file, to }: ReportConfig, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (stop.aborted) return;
    const { code, message, hint, where } = asTrueupError(error);
    const place = where === undefined ? undefined : formatPlace(where);
    const fields = { event: "report", file, to: to.map(({ name }) => name), code, where: place, hint };
    log.error(fields, `the report was not ${file === undefined ? "sent" : "written"}: ${message}`);
  }
}
