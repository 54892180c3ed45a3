import type { Approvals, GateVerdict } from "../core/gate.js";
import { SEVERITIES, type Severity } from "../core/policy.js";
import type { ApprovalQuery, PullRequest } from "../forges/forge.js";
import type { Commit } from "../git/lineage.js";
import { DRIFT_KINDS, episodesOf, CLOSES, OPENS, TOLD } from "../reports/episodes.js";
import { type KeptRollout, loadRollout } from "../reconcile/rollout.js";
import { decodeStatus } from "../reconcile/status.js";
import type { Session } from "../reconcile/session.js";
import type { Event, TargetRecord } from "../store/store.js";
import { answerOf } from "./answers.js";
import { wordOf } from "./external.js";
import type { Facts, SourceFacts } from "./gates/gate.js";
import type { Hop } from "./policy.js";
import type { Difference } from "./report.js";

export interface FactsRequest {
  readonly hop: Hop;
  readonly revision: string;
  /** What the branch would point to: the head of the promotion's pull request, where that is up to date. */
  readonly commit: string;
  readonly pull: PullRequest | undefined;
  /** Whether somebody asked for it: before that, no webhook is. */
  readonly wanted: boolean;
  readonly commits: readonly Commit[];
  readonly changes: readonly Difference[];
}

/** What gates may know: from the store and the mirror, and, where a gate asks, from the forge and what trueup.yaml names. */
export async function factsOf(session: Session, request: FactsRequest, signal: AbortSignal): Promise<Facts> {
  const { hop, revision, commit, pull, commits, changes } = request;
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
    candidate: {
      ...{ commits: commits.length, changes: changes.length },
      targets: [...new Set(changes.map(({ target }) => target))],
    },
    probe: (name) => {
      const ask = async (stop: AbortSignal) => (await session.probe(from, name)).check(stop);
      return answerOf(session, { key: `probe ${from} ${name}`, holds: PROBED, ask }, signal);
    },
    ask: (webhook) => asked(session, { webhook, request }, signal),
  };
}

async function asked(
  session: Session,
  { webhook, request }: { webhook: string; request: FactsRequest },
  signal: AbortSignal,
): Promise<GateVerdict> {
  const { hop, revision, wanted, commits, changes } = request;
  if (!wanted) return { state: "pending", reason: "it is asked once somebody asks for the promotion" };
  const told = commits.slice(0, TOLD_COMMITS).map(({ id, author, subject }) => ({ id, author, subject }));
  const question = { from: hop.from, to: hop.to, revision, commits: told, changes: changes.length };
  return wordOf(session, { webhook, question }, signal);
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

/** Milliseconds for which a probe's answer holds: a burst of passes asks once, and a person who looks again sees what is. */
const PROBED = 5_000;
/** So many commits a webhook is told of. */
const TOLD_COMMITS = 50;

/** How an environment stands to a revision: as the last passes left its targets. */
export async function sourceFacts(
  session: Session,
  { environment, revision }: { environment: string; revision: string },
  signal: AbortSignal,
): Promise<SourceFacts> {
  const store = await session.store();
  // Side by side: of many environments that are judged at the same time, each is one question for all.
  const [records, suspensions, rollout, since] = await Promise.all([
    store.records.load(environment),
    store.suspensions.list(),
    loadRollout(session, environment),
    store.runs.since(environment, revision),
  ]);
  signal.throwIfAborted();
  const suspended = suspensions.some((suspension) => suspension.environment === environment);
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
  const fault = await rolloutFault(session, { environment, kept: rollout, same });
  if (fault !== undefined) apart.unshift({ target: environment, why: fault });
  if (suspended) apart.unshift({ target: environment, why: "is suspended" });
  if (records.size === 0) apart.push({ target: environment, why: "was never looked at" });
  // One that ran here and was in sync, and made room for another since: it was tested all the same.
  const isPast =
    since !== undefined && source.tip(session.config.environments.get(environment)?.branch ?? "") !== revision;
  return {
    apart: isPast ? [] : apart,
    since: since === undefined ? undefined : Date.parse(since),
    drift: driftOf(records.values()),
  };
}

function driftOf(records: Iterable<TargetRecord>): SourceFacts["drift"] {
  const drift = { low: 0, medium: 0, high: 0, critical: 0 };
  for (const { status } of records) {
    for (const { kind, severity } of decodeStatus(status)?.open ?? []) if (DRIFT_KINDS.has(kind)) drift[severity] += 1;
  }
  return drift;
}

interface RolledOut {
  readonly environment: string;
  readonly kept: KeptRollout | undefined;
  /** Whether another commit has the same content as the one that is judged. */
  readonly same: (other: string) => Promise<boolean>;
}

/** Why an environment whose targets are all in sync is not: its probes have yet to say so. Undefined: they have, or there are none. */
async function rolloutFault(session: Session, { environment, kept, same }: RolledOut): Promise<string | undefined> {
  const groups = session.rendered.get(environment)?.environment.rollout?.groups ?? [];
  if (kept === undefined || !(await same(kept.revision))) return groups.length > 0 ? "is being rolled out" : undefined;
  if (kept.state === "failed") return `failed: ${kept.failure?.reason ?? "its rollout did not end well"}`;
  return kept.state === "done" ? undefined : "is being rolled out";
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
  const { history, records: known } = await session.store();
  const isAtLeast = (other: Severity): boolean => SEVERITIES.indexOf(other) >= SEVERITIES.indexOf(severity);
  const records = await known.load(environment);
  const open = [...records.values()].flatMap(({ status }) => decodeStatus(status)?.open ?? []);
  if (open.some((finding) => DRIFT_KINDS.has(finding.kind) && isAtLeast(finding.severity))) return "open";
  const from = new Date(since);
  const events: Event[] = [...(await history.openAt(from, { opens: OPENS, closes: CLOSES, environment }))];
  for await (const event of history.read({ types: TOLD, environment, since: from })) events.push(event);
  const ends = episodesOf(events).episodes.flatMap((episode) =>
    isAtLeast(episode.severity) && episode.end !== undefined ? [episode.end.at] : [],
  );
  return ends.length === 0 ? undefined : Math.max(...ends);
}
