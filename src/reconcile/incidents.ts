import { createHash } from "node:crypto";
import { TrueupError } from "../core/errors.js";
import {
  type IncidentFinding,
  type OpenIncident,
  type Pass,
  resolved,
  transitions,
  WAITING,
} from "../core/incident.js";
import type { Value } from "../core/value.js";
import { decodeView, newsOf } from "../delivery/news.js";
import { readJson, stringifyJson } from "../lib/json.js";
import type { News, StoredIncident } from "../store/store.js";
import { isLost } from "./events.js";
import { type ReportedFinding, shortPlan, type TargetReport } from "./report.js";
import type { Session } from "./session.js";
import type { Status } from "./status.js";

export interface IncidentPass {
  readonly environment: string;
  /** As the record had it; undefined at first contact, or where it could not be read. */
  readonly before: Pick<Status, "open" | "report"> | undefined;
  readonly isFirst: boolean;
  readonly report: TargetReport;
  /** What the writes were about, by setting. */
  readonly written: ReadonlyMap<string, ReportedFinding>;
}

/** What a pass over one target does to its incidents, and who is to hear of it; undefined where nothing came of it. */
export async function newsOfPass(session: Session, pass: IncidentPass): Promise<News | undefined> {
  const { environment, before, isFirst, report, written } = pass;
  if (isLost(report)) return undefined;
  const settled = (report.outcomes ?? []).flatMap(({ path, result }) => {
    const finding = written.get(path);
    const ending = result === "adopted" ? result : "healed";
    const isSettled = result === "adopted" || result === "healed" || result === "pendingRestart";
    return isSettled && finding !== undefined ? [{ finding: plain(finding), ending } as const] : [];
  });
  const waiting = waitingPlan(environment, report);
  // Most targets are in sync, and were: they cost no query.
  const concerned = [
    ...[...report.findings, ...settled.map(({ finding }) => finding), ...waiting],
    ...(before === undefined ? [] : [...before.open, ...waitingPlan(environment, before.report)]),
  ];
  // Of a target that could not be looked at, or whose record could not be read, nobody knows what was told.
  const isKnown = isFirst || (before !== undefined && !isLost(before.report));
  if (isKnown && !concerned.some(mayBeIncident)) return undefined;
  return newsOfFindings(session, {
    ...{ environment, target: report.name, settled },
    findings: [...report.findings.map(plain), ...waiting],
  });
}

/** What comes of all that is found of a target now. */
export async function newsOfFindings(
  session: Session,
  { environment, target, settled, findings }: Pick<Pass, "environment" | "target" | "settled" | "findings">,
): Promise<News | undefined> {
  const stored = await (await session.store()).incidents.open(environment, [target]);
  const routes = await session.routes();
  const now = new Date();
  const found = transitions({
    ...{ environment, target, settled, findings, hash, now: now.toISOString() },
    open: stored.map(openIncident),
    age: (since) => now.getTime() - Date.parse(since),
    ages: routes.flatMap(({ escalate }) => escalate?.after ?? []),
  });
  return newsOf({ transitions: found, stored, routes, now });
}

/** A plan of the controller's own that waits for an approval: people hear of it as they hear of drift. */
function waitingPlan(environment: string, { name, plans = [] }: TargetReport): readonly IncidentFinding[] {
  const plan = plans.find(({ verb, approved }) => verb === "pass" && approved === undefined);
  if (plan === undefined) return [];
  const short = shortPlan(plan.plan);
  const desired = `the plan ${short} (${plan.changes === 1 ? "1 change" : `${plan.changes} changes`})`;
  const note = `look at it with \`trueup approve ${environment}/${name}\`, and approve it with \`trueup approve ${environment}/${name} ${short}\``;
  const told = { severity: plan.severity, desired, live: null, rule: "guards.approval", actions: ["alert"], note };
  return [{ path: "", kind: WAITING, ...told }];
}

/** The end of every incident of targets that git no longer names. */
export async function newsOfRetired(
  session: Session,
  environment: string,
  targets: readonly string[],
): Promise<News | undefined> {
  const stored = await (await session.store()).incidents.open(environment, targets);
  const ended = stored.map((incident) => resolved(openIncident(incident), "retired"));
  return newsOf({ transitions: ended, stored, routes: await session.routes(), now: new Date() });
}

/** Controllers that share a store may come upon one incident at the same moment: who is late looks at it again. */
export async function untilCurrent<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS || !(error instanceof TrueupError) || error.code !== "STORE_BUSY") throw error;
    }
  }
}

const ATTEMPTS = 5;

function mayBeIncident({ actions, restrained }: Pick<IncidentFinding, "actions" | "restrained">): boolean {
  return actions.includes("alert") || restrained !== undefined;
}

function openIncident({ view, held, escalatedAfter }: StoredIncident): OpenIncident {
  return { view: decodeView(view), held, escalatedAfter };
}

/** As it comes back from the store, so that what did not change is equal. */
function plain(finding: ReportedFinding): IncidentFinding {
  return readJson(stringifyJson(finding as unknown as Value)) as unknown as IncidentFinding;
}

/** Not keyed: controllers that share a store have seal keys of their own. Receivers bound its length. */
function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}
