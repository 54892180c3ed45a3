import type { Octokit } from "@octokit/rest";
import type { CheckState } from "../../core/gate.js";
import type { Repository } from "./commands.js";

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

/** Check runs (of Apps, Actions among them) and commit statuses (of everything else), as one. */
export async function readChecks(
  octokit: Octokit,
  repository: Repository,
  { commit, signal }: Query,
): Promise<ReadonlyMap<string, CheckState>> {
  const query = { ...repository, ref: commit, per_page: 100, request: { signal } };
  const [runs, statuses] = await Promise.all([
    octokit.paginate(octokit.rest.checks.listForRef, query),
    // Not the combined one: Octokit's paging does not know that its answer is no list.
    octokit.paginate(octokit.rest.repos.listCommitStatusesForRef, query),
  ]);
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
