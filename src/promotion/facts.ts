import type { Approvals } from "../core/gate.js";
import { SEVERITIES, type Severity } from "../core/policy.js";
import type { ApprovalQuery, PullRequest } from "../forges/forge.js";
import { knowledge } from "../reconcile/environment.js";
import { DRIFT_KINDS, episodesOf, CLOSES, OPENS, TOLD } from "../reports/episodes.js";
import { decodeStatus } from "../reconcile/status.js";
import type { Session } from "../reconcile/session.js";
import type { Event } from "../store/store.js";
import type { Facts, SourceFacts } from "./gates/gate.js";
import type { Hop } from "./policy.js";

/** So many revisions back an environment's runs are looked at. */
const MOST_RUNS = 200;

export interface FactsRequest {
  readonly hop: Hop;
  readonly revision: string;
  /** What the branch would point to: the head of the promotion's pull request, where that is up to date. */
  readonly commit: string;
  readonly pull: PullRequest | undefined;
}

/** What gates may know, from the store, the mirror and the forge; nothing live is asked. */
export async function factsOf(
  session: Session,
  { hop, revision, commit, pull }: FactsRequest,
  signal: AbortSignal,
): Promise<Facts> {
  const { from, to } = hop;
  return {
    ...{ from, to, revision, now: Date.now() },
    source: await sourceFacts(session, { environment: from, revision }, signal),
    lastDrift: (severity, since) => lastDrift(session, { environment: from, severity, since }),
    async approvals(teams) {
      const { promotions } = await session.store();
      const decisions = await promotions.decisions(to, revision);
      const said = decisions.flatMap(({ by, gate }) => (gate === undefined ? [{ login: by, teams: [] }] : []));
      const { approvers, unknown } = await reviews(session, { pull, commit, teams }, signal);
      return { approvers: [...said, ...approvers], unknown };
    },
    checks: async () => (await session.forge())?.revisions?.checks(revision, signal),
  };
}

async function reviews(
  session: Session,
  { pull, ...asked }: ApprovalQuery & { pull: PullRequest | undefined },
  signal: AbortSignal,
): Promise<Approvals> {
  const revisions = pull?.state === "open" ? (await session.forge())?.revisions : undefined;
  if (pull === undefined || revisions === undefined) return { approvers: [], unknown: [] };
  return revisions.approvals(pull.number, asked, signal);
}

/** How an environment stands to a revision: as the last passes left its targets. */
export async function sourceFacts(
  session: Session,
  { environment, revision }: { environment: string; revision: string },
  signal: AbortSignal,
): Promise<SourceFacts> {
  const { records, suspended } = await knowledge(session, environment);
  const source = await session.source();
  const same = await sameContent(session, revision);
  const apart: { target: string; why: string }[] = [];
  for (const [target, record] of records) {
    const state = decodeStatus(record.status)?.report.state ?? "Unknown";
    const at = record.revision;
    if (at === undefined || !(await same(at)))
      apart.push({ target, why: `is at ${at?.slice(0, 10) ?? "no revision"}` });
    else if (state !== "Synced") apart.push({ target, why: `is ${state}` });
  }
  if (suspended) apart.unshift({ target: environment, why: "is suspended" });
  if (records.size === 0) apart.push({ target: environment, why: "was never looked at" });
  signal.throwIfAborted();
  const { runs } = await session.store();
  const known = await runs.list(environment, MOST_RUNS);
  const run = known.find((one) => one.revision === revision);
  // One that ran here and was in sync, and made room for another since: it was tested all the same.
  const isPast =
    run !== undefined && source.tip(session.config.environments.get(environment)?.branch ?? "") !== revision;
  return { apart: isPast ? [] : apart, since: run === undefined ? undefined : Date.parse(run.since) };
}

/** Whether another commit says the same of environments and policies: a README changes nothing that runs. */
async function sameContent(session: Session, revision: string): Promise<(other: string) => Promise<boolean>> {
  const source = await session.source();
  const treeOf = (commit: string): Promise<string | undefined> =>
    source.treeId(commit, "environments", "policies").catch(() => undefined);
  const tree = await treeOf(revision);
  return async (other) => other === revision || (tree !== undefined && (await treeOf(other)) === tree);
}

interface DriftQuestion {
  readonly environment: string;
  readonly severity: Severity;
  /** Milliseconds since 1970. */
  readonly since: number;
}

async function lastDrift(
  session: Session,
  { environment, severity, since }: DriftQuestion,
): Promise<number | "open" | undefined> {
  const { history } = await session.store();
  const isAtLeast = (other: Severity): boolean => SEVERITIES.indexOf(other) >= SEVERITIES.indexOf(severity);
  const { records } = await knowledge(session, environment);
  const open = [...records.values()].flatMap(({ status }) => decodeStatus(status)?.open ?? []);
  if (open.some((finding) => DRIFT_KINDS.has(finding.kind) && isAtLeast(finding.severity))) return "open";
  const from = new Date(since);
  const events: Event[] = (await history.openAt(from, { opens: OPENS, closes: CLOSES })).filter(
    (event) => event.environment === environment,
  );
  for await (const event of history.read({ types: TOLD, environment, since: from })) events.push(event);
  const ends = episodesOf(events).episodes.flatMap((episode) =>
    isAtLeast(episode.severity) && episode.end !== undefined ? [episode.end.at] : [],
  );
  return ends.length === 0 ? undefined : Math.max(...ends);
}
