import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { NotifierConfig } from "../config/notifiers.js";
import { TrueupError } from "../core/errors.js";
import type { ReportForm } from "../notifiers/notifier.js";
import { decodeStatus } from "../reconcile/status.js";
import { knowledge } from "../reconcile/environment.js";
import type { Session } from "../reconcile/session.js";
import { compileReport, type ReportInput } from "../reports/compile.js";
import type { DriftReport } from "../reports/drift-report.js";
import { reportMessage } from "../reports/message.js";
import { CLOSES, DRIFT_KINDS, OPENS, TOLD } from "../reports/episodes.js";
import type { Event, History } from "../store/store.js";
import { deliverAtOnce, notifierOf } from "./at-once.js";
import type { Operation } from "./operation.js";
import { select } from "./selection.js";

const argsSchema = z.object({
  environments: z.array(z.string()),
  /** ISO 8601. */
  since: z.iso.datetime(),
  /** A notifier that it is sent to. */
  to: z.string().optional(),
});

/** So many events are held at most: about 100 MB. Of a longer history the newest are told, and the report says so. */
const MOST_EVENTS = 100_000;

/** What became of drift since a moment, from the store alone. @throws USAGE, and what the notifier throws */
export const report: Operation<z.output<typeof argsSchema>, DriftReport> = {
  name: "report",
  args: argsSchema,
  async run(session, { environments, since, to }, { signal, progress }) {
    const receiver = to === undefined ? undefined : receiverOf(session, to);
    const names = [...select(session, environments)].map(([name, targets]) => {
      if (targets === undefined) return name;
      throw new TrueupError("USAGE", `a report is of whole environments, not of ${name}/${targets.join(", ")}`, {
        hint: `name the environment: \`trueup report ${name}\``,
      });
    });
    const { history } = await session.store();
    const told = await read(history, names, new Date(since));
    const open = await Promise.all(names.map((name) => openDrift(session, name)));
    const answer = compileReport({
      ...told,
      to: new Date(),
      interval: session.config.interval,
      environments: names,
      open: open.flat(),
    });
    if (receiver === undefined) return answer;
    progress(`sending the report to ${receiver.notifier.name}`);
    const message = reportMessage(answer, { id: randomUUID(), at: answer.to, form: receiver.form });
    await deliverAtOnce(session, receiver.notifier, { message, signal });
    return answer;
  },
};

function receiverOf(session: Session, name: string): { notifier: NotifierConfig; form: ReportForm } {
  const notifier = notifierOf(session, name);
  const { kind, report: form } = notifier.kind;
  if (form !== undefined) return { notifier, form };
  throw new TrueupError("USAGE", `the notifier \`${name}\` (${kind}) takes no reports`, {
    hint: "docs/reports.md names the kinds that do",
  });
}

async function read(
  history: History,
  names: readonly string[],
  since: Date,
): Promise<Pick<ReportInput, "events" | "from" | "complete">> {
  const events: Event[] = [];
  const only = names.length === 1 && names[0] !== undefined ? { environment: names[0] } : {};
  for await (const event of history.read({ types: TOLD, since, ...only })) {
    if (names.includes(event.environment)) events.push(event);
    if (events.length === MOST_EVENTS) break;
  }
  const complete = events.length < MOST_EVENTS;
  const oldest = events.at(-1);
  const from = complete || oldest === undefined ? since : new Date(oldest.at);
  const before = await history.openAt(from, { opens: OPENS, closes: CLOSES });
  return { events: [...before.filter(({ environment }) => names.includes(environment)), ...events], from, complete };
}

async function openDrift(session: Session, environment: string): Promise<ReportInput["open"]> {
  const { records } = await knowledge(session, environment);
  return [...records].flatMap(([target, record]) =>
    (decodeStatus(record.status)?.open ?? [])
      .filter(({ kind }) => DRIFT_KINDS.has(kind))
      .map(({ path, kind, severity, rule, desired, live, restrained, note }) => ({
        ...{ environment, target, path, kind, severity, rule, desired, live },
        // Drift waits for no rollout.
        ...(restrained === undefined || restrained === "waiting" ? {} : { restrained }),
        ...(note === undefined ? {} : { note }),
      })),
  );
}
