import type { RenderedTarget } from "../render/rendered.js";
import type { TargetRecord } from "../store/store.js";
import { eventsOf, isLost, levelOf } from "./events.js";
import { newlyFlapping } from "./flapping.js";
import { newsOfPass, untilCurrent } from "./incidents.js";
import { readLastApplied, writeLastApplied } from "./last-applied.js";
import type { Look, Memory } from "./look.js";
import type { TargetPass } from "./pass.js";
import type { ReportedFinding, TargetReport } from "./report.js";
import { decodeStatus, encodeStatus } from "./status.js";

/** What the store has of a target, for a pass to work with. A record that cannot be read is first contact. */
export function memoryOf(record: TargetRecord | undefined, target: RenderedTarget): Memory {
  const status = record === undefined ? undefined : decodeStatus(record.status);
  return {
    lastApplied: readLastApplied(record?.lastApplied, target),
    memo: status?.memo ?? {},
    sensitive: new Set((status?.open ?? []).filter(({ sensitive }) => sensitive).map(({ path }) => path)),
    confirmedLoss: status?.confirmedLoss ?? 0,
    flapping: status?.flapping ?? {},
  };
}

/** Last applied with what was found in sync. What is no finding any more needs no memo; a loss made good, no confirmation. */
export function memoryAfter(memory: Memory, seen: Look): Memory {
  const open = new Set(seen.comparison.findings.map(({ path }) => path));
  return {
    lastApplied: seen.comparison.lastApplied,
    memo: Object.fromEntries(Object.entries(memory.memo).filter(([path]) => open.has(path))),
    sensitive: memory.sensitive,
    confirmedLoss: Math.min(memory.confirmedLoss, seen.lost),
    flapping: seen.flapping,
  };
}

/** How a pass leaves a target. */
export interface Left {
  readonly memory: Memory;
  readonly report: TargetReport;
  /** What the writes were about, by setting. */
  readonly written?: ReadonlyMap<string, ReportedFinding>;
}

/** Keeps what a pass learned, with its events, in one write; an idle pass writes nothing. */
export async function remember(pass: TargetPass, target: RenderedTarget, left: Left): Promise<TargetReport> {
  const { session, environment, record } = pass;
  const { report, memory, written = new Map<string, ReportedFinding>() } = left;
  const before = record === undefined ? undefined : decodeStatus(record.status);
  const revision = environment.revision;
  // What was open before nothing could be said is still open: it is no news when the target is back.
  const open = isLost(report) ? stillOpen(before?.open ?? [], report) : report.findings;
  const flapping = newlyFlapping(before?.flapping ?? {}, memory.flapping);
  const events = eventsOf({ environment: environment.name, revision, before, after: report, written, flapping });
  const next: TargetRecord = {
    ...lastAppliedText(pass, target, memory),
    status: encodeStatus({
      report,
      memo: memory.memo,
      confirmedLoss: memory.confirmedLoss,
      flapping: memory.flapping,
      open,
    }),
    revision,
  };
  const changed =
    record?.lastApplied !== next.lastApplied || record?.status !== next.status || record.revision !== revision;
  const { records } = await session.store();
  const incidents = { environment: environment.name, before, isFirst: record === undefined, report, written };
  const saved = await untilCurrent(async () => {
    const news = await newsOfPass(session, incidents);
    if (!changed && events.length === 0 && news === undefined) return false;
    await records.save(environment.name, report.name, { record: next, events, ...(news && { news }) });
    return true;
  });
  if (!saved) return report;
  session.news.ring();
  for (const { type, path, message } of events) {
    session.log[levelOf(type)](
      { environment: environment.name, target: report.name, event: type, path, revision: revision.slice(0, 10) },
      message,
    );
  }
  return report;
}

function stillOpen(open: readonly ReportedFinding[], { outcomes = [] }: TargetReport): readonly ReportedFinding[] {
  const settled = new Set(outcomes.filter(({ result }) => result !== "failed").map(({ path }) => path));
  return open.filter(({ path }) => !settled.has(path));
}

function lastAppliedText(pass: TargetPass, target: RenderedTarget, { lastApplied }: Memory): { lastApplied?: string } {
  if (lastApplied === undefined) return {};
  // A target that does not load has nothing new to say, and nothing to tell what is sensitive by.
  if ("error" in target) return pass.record?.lastApplied === undefined ? {} : { lastApplied: pass.record.lastApplied };
  return { lastApplied: writeLastApplied(pass, target, lastApplied) };
}
