import type { JudgedGate } from "../core/gate.js";
import type { Value } from "../core/value.js";
import type { Commit } from "../git/lineage.js";
import { tipOf } from "../reconcile/desired.js";
import { followedRevision } from "../reconcile/followed.js";
import type { Session } from "../reconcile/session.js";
import type { FailedRevision } from "../render/rendered.js";
import type { Event, PastRun } from "../store/store.js";
import { firstLine, MOST_COMMITS } from "./candidate.js";
import { PROMOTED, ROLLED_BACK } from "./held.js";

/** A commit that an environment had, how it came to its branch, and what became of it there. */
export interface PastRevision {
  readonly revision: string;
  /** ISO 8601: when it was promoted; of other commits, when they were made. */
  readonly at: string;
  /**
   * `promoted`: by Trueup, or by the merge of its pull request; `merged`: from the environment before, without Trueup;
   * `hotfix`: made on this branch though another is before it; `commit`: made on the branch where promotions begin;
   * `rolled-back`; `rewritten`: the branch has it no more.
   */
  readonly came: "promoted" | "merged" | "hotfix" | "commit" | "rolled-back" | "rewritten";
  readonly author: string;
  readonly subject: string;
  /** The environment from which it came. */
  readonly from?: string;
  /** The revision of that environment. */
  readonly source?: string;
  /** Who asked for the promotion; absent where the policy did. */
  readonly askedBy?: string;
  /** Who merged its pull request, where Trueup did not. */
  readonly mergedBy?: string;
  /** As the gates stood when it arrived. */
  readonly gates: readonly JudgedGate[];
  /** Of a roll-back: the earlier revision, who asked for it, and why. */
  readonly backTo?: string;
  readonly by?: string;
  readonly because?: string;
  /** `pending`: it is the newest, and not in sync yet; `superseded`: another came before it was ever seen in sync. */
  readonly outcome: "in-sync" | "failed" | "pending" | "superseded";
  /** ISO 8601: since when the environment was in sync at it. */
  readonly since?: string;
  readonly failure?: { readonly at: string; readonly reason: string };
  /** Whether the environment follows it now. */
  readonly followed: boolean;
}

export interface PastRequest {
  readonly environment: string;
  /** The environment that is promoted into it; undefined: none is. */
  readonly from: string | undefined;
  readonly branches: ReadonlyMap<string, string>;
  readonly limit: number;
}

export interface Past {
  readonly revision: string;
  readonly failed?: FailedRevision;
  /** Newest first. */
  readonly revisions: readonly PastRevision[];
}

/** So many runs are looked through. */
const MOST_RUNS = 1_000;

/**
 * The revisions of an environment: those that arrived, were made or were seen to run there. What only travelled along with
 * another is left out.
 */
export async function pastOf(session: Session, request: PastRequest, signal: AbortSignal): Promise<Past> {
  const { environment, from, branches, limit } = request;
  const { lineage } = await session.source();
  const tip = tipOf(session, environment, branches);
  const followed = await followedRevision(session, { environment, tip }, signal);
  const before = from === undefined ? undefined : branches.get(session.config.environments.get(from)?.branch ?? from);
  const store = await session.store();
  const [all, own, runs, promoted] = await Promise.all([
    lineage.commits({ to: tip, limit: MOST_COMMITS }, signal),
    before === undefined ? undefined : lineage.commits({ to: tip, from: before, limit: MOST_COMMITS }, signal),
    store.runs.past(environment, MOST_RUNS),
    promotionsInto(session, environment),
  ]);
  const facts: Facts = {
    ...{ from, tip, followed: followed.revision, promoted },
    runs: new Map(runs.map((run) => [run.revision, run])),
    own: own && new Set(own.map(({ id }) => id)),
  };
  const line = firstLine(all, tip);
  const here = line.filter((commit) => isMeant(commit, facts)).map((commit) => pastRevision(commit, facts));
  const others = await gone(session, { runs, line, all, facts, limit }, signal);
  return { ...followed, revisions: byTime(here, others).slice(0, limit) };
}

interface Facts {
  readonly from: string | undefined;
  readonly tip: string;
  readonly followed: string;
  readonly runs: ReadonlyMap<string, PastRun>;
  /** By the commit that brought it. */
  readonly promoted: ReadonlyMap<string, Event>;
  /** Commits that the environment before has not; undefined: none is before. */
  readonly own: ReadonlySet<string> | undefined;
}

async function promotionsInto(session: Session, environment: string): Promise<ReadonlyMap<string, Event>> {
  const { history } = await session.store();
  const events = new Map<string, Event>();
  for await (const event of history.read({ types: ["promoted"], environment, since: new Date(0) })) {
    const commit = event.detail?.["commit"];
    if (typeof commit === "string" && !events.has(commit)) events.set(commit, event);
    if (events.size === MOST_RUNS) break;
  }
  return events;
}

function isMeant({ id }: Commit, { tip, runs, promoted, own }: Facts): boolean {
  return id === tip || own === undefined || own.has(id) || runs.has(id) || promoted.has(id);
}

type Arrival = Pick<PastRevision, "came" | "gates"> & Partial<PastRevision>;

function pastRevision(commit: Commit, facts: Facts): PastRevision {
  const { id, author, subject, at } = commit;
  const event = facts.promoted.get(id);
  return {
    ...{ revision: id, at: event?.at ?? new Date(at).toISOString(), author, subject },
    ...(event === undefined ? arrivalOf(commit, facts) : promotion(event)),
    ...outcomeOf(id, facts),
  };
}

/** What Trueup itself wrote as the event's detail. */
function promotion({ revision, detail = {} }: Event): Arrival {
  const text = (name: "from" | "askedBy" | "mergedBy"): Record<string, string> => {
    const value: Value | undefined = detail[name];
    return typeof value === "string" ? { [name]: value } : {};
  };
  const gates = (detail["gates"] ?? []) as unknown as readonly JudgedGate[];
  const source = revision === undefined ? {} : { source: revision };
  return { came: "promoted", gates, ...text("from"), ...source, ...text("askedBy"), ...text("mergedBy") };
}

function arrivalOf({ id, parents, trailers }: Commit, { from, own }: Facts): Arrival {
  const backTo = trailers.get(ROLLED_BACK);
  if (backTo !== undefined) {
    const [by, because] = [trailers.get("Rolled-Back-By"), trailers.get("Because")];
    const said = { ...(by !== undefined && { by }), ...(because !== undefined && { because }) };
    return { came: "rolled-back", gates: [], backTo, ...said };
  }
  if (from === undefined || own === undefined) return { came: "commit", gates: [] };
  const source = own.has(id) ? (trailers.get(PROMOTED) ?? parents.slice(1).find((one) => !own.has(one))) : id;
  return source === undefined ? { came: "hotfix", gates: [] } : { came: "merged", gates: [], from, source };
}

function outcomeOf(id: string, { runs, tip, followed }: Facts) {
  const run = runs.get(id);
  const isFollowed = { followed: id === followed };
  if (run === undefined) return { outcome: id === tip ? "pending" : "superseded", ...isFollowed } as const;
  const { since, failure } = run;
  return failure === undefined
    ? ({ outcome: "in-sync", since, ...isFollowed } as const)
    : ({ outcome: "failed", failure, ...isFollowed } as const);
}

interface Gone {
  readonly runs: readonly PastRun[];
  readonly line: readonly Commit[];
  /** Newest first, at most `MOST_COMMITS`: what the branch has. */
  readonly all: readonly Commit[];
  readonly facts: Facts;
  readonly limit: number;
}

/** Those that ran and are not on the branch's own line: a forge may have merged it the other way round, or it was rewritten. */
async function gone(
  session: Session,
  { runs, line, all, facts, limit }: Gone,
  signal: AbortSignal,
): Promise<readonly PastRevision[]> {
  const { lineage } = await session.source();
  const own = new Set(line.map(({ id }) => id));
  const merged = new Map(all.map((commit) => [commit.id, commit]));
  const found: PastRevision[] = [];
  for (const { revision, since } of runs.filter((run) => !own.has(run.revision)).slice(0, limit)) {
    const here = merged.get(revision);
    // What is gone from the remote may have gone from the mirror, too.
    const [commit] =
      here === undefined
        ? await lineage.commits({ to: revision, limit: 1 }, signal).catch(() => {
            signal.throwIfAborted();
            return [];
          })
        : [here];
    const isThere =
      here !== undefined ||
      (all.length === MOST_COMMITS && (await lineage.base(revision, facts.tip, signal)) === revision);
    const told =
      commit === undefined
        ? { revision, author: "", subject: "", came: "commit" as const, gates: [], ...outcomeOf(revision, facts) }
        : pastRevision(commit, facts);
    found.push({ ...told, at: since, ...(!isThere && { came: "rewritten" }) });
  }
  return found;
}

/**
 * The line stays as it is: who commits may write any time into a commit. A commit knows whole seconds only: within one, what
 * the branch has came last.
 */
function byTime(line: readonly PastRevision[], others: readonly PastRevision[]): readonly PastRevision[] {
  const all = [...line];
  for (const other of others) {
    const older = all.findIndex(({ at }) => wholeSeconds(at) < wholeSeconds(other.at));
    all.splice(older === -1 ? all.length : older, 0, other);
  }
  return all;
}

function wholeSeconds(at: string): number {
  return Math.floor(Date.parse(at) / 1000);
}
