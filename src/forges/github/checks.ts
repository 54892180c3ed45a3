import type { Octokit } from "@octokit/rest";
import type { CheckState } from "../../core/gate.js";
import type { Repository } from "./commands.js";
import { tagged } from "./tagged.js";

interface Query {
  readonly commit: string;
  readonly signal: AbortSignal;
}

interface Check {
  readonly name: string;
  readonly state: CheckState;
  /** ISO 8601; Z in a text of its own sorts behind every date. */
  readonly at: string;
}

const NOT_BEGUN = "Z";

type Rest = Octokit["rest"];
type Runs = Awaited<ReturnType<Rest["checks"]["listForRef"]>>["data"]["check_runs"];
type Statuses = Awaited<ReturnType<Rest["repos"]["listCommitStatusesForRef"]>>["data"];

const PAGE = 100;

/** Check runs (of Apps, Actions among them) and commit statuses (of everything else), as one. */
export function checksOf(octokit: Octokit, repository: Repository) {
  const [runs, statuses] = [runsOf(octokit, repository), statusesOf(octokit, repository)];
  return async (query: Query): Promise<ReadonlyMap<string, CheckState>> =>
    together(...(await Promise.all([runs(query), statuses(query)])));
}

function runsOf(octokit: Octokit, repository: Repository) {
  const firsts = tagged<{ readonly check_runs: Runs }>();
  return async ({ commit, signal }: Query): Promise<Runs> => {
    const query = { ...repository, ref: commit, per_page: PAGE, request: { signal } };
    const first = await firsts(commit, (headers) => octokit.rest.checks.listForRef({ ...query, headers }));
    // Of what comes after a full page its tag says nothing.
    return first.check_runs.length < PAGE ? first.check_runs : octokit.paginate(octokit.rest.checks.listForRef, query);
  };
}

/** Not the combined status: Octokit's paging does not know that its answer is no list. */
function statusesOf(octokit: Octokit, repository: Repository) {
  const firsts = tagged<Statuses>();
  const { listCommitStatusesForRef: list } = octokit.rest.repos;
  return async ({ commit, signal }: Query): Promise<Statuses> => {
    const query = { ...repository, ref: commit, per_page: PAGE, request: { signal } };
    const first = await firsts(commit, (headers) => list({ ...query, headers }));
    return first.length < PAGE ? first : octokit.paginate(list, query);
  };
}

function together(runs: Runs, statuses: Statuses): ReadonlyMap<string, CheckState> {
  const checks: Check[] = [
    ...runs.map(({ name, status, conclusion, started_at }) => ({
      name,
      state: status === "completed" ? ofConclusion(conclusion) : "pending",
      at: started_at ?? NOT_BEGUN,
    })),
    // GitHub gives the newest first, and times in seconds.
    ...statuses
      .toReversed()
      .map(({ context, state, created_at }) => ({ name: context, state: ofState(state), at: created_at })),
  ];
  // The newest last: of two of one name that one stays.
  return new Map(checks.toSorted((a, b) => a.at.localeCompare(b.at)).map(({ name, state }) => [name, state]));
}

/** As GitHub's own required checks count them. */
function ofConclusion(conclusion: string | null): CheckState {
  return conclusion === "success" || conclusion === "neutral" || conclusion === "skipped" ? "passed" : "failed";
}

function ofState(state: string): CheckState {
  if (state === "pending") return "pending";
  return state === "success" ? "passed" : "failed";
}
