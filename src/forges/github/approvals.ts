import type { Octokit } from "@octokit/rest";
import type { Approvals } from "../../core/gate.js";
import type { ApprovalQuery } from "../forge.js";
import { mayWrite, type Repository } from "./commands.js";
import { isRateLimit, statusOf } from "./failure.js";
import { tagged } from "./tagged.js";

/** How long it is remembered who is in a team, in milliseconds. */
const MEMBERS_KEPT = 300_000;

interface Team {
  /** In lower case; undefined where GitHub does not show the team. */
  readonly members: ReadonlySet<string> | undefined;
  readonly until: number;
}

interface Query extends ApprovalQuery {
  readonly number: number;
  readonly signal: AbortSignal;
}

export function approvalsOf(octokit: Octokit, repository: Repository) {
  const reader = readerOf(octokit, repository);
  const known = new Map<string, Team>();
  const membersOf = async (team: string, signal: AbortSignal): Promise<Team["members"]> => {
    const before = known.get(team);
    if (before !== undefined && before.until > performance.now()) return before.members;
    const members = await readMembers(octokit, team, signal);
    known.set(team, { members, until: performance.now() + MEMBERS_KEPT });
    return members;
  };
  return async (query: Query): Promise<Approvals> => {
    const { teams: asked, signal } = query;
    const logins = await approving(octokit, repository, { ...query, reader });
    const unknown: string[] = [];
    const teams = new Map<string, ReadonlySet<string>>();
    for (const team of logins.length === 0 ? [] : asked) {
      const members = await membersOf(team, signal);
      if (members === undefined) unknown.push(`GitHub does not show Trueup who is in @${team}`);
      else teams.set(team, members);
    }
    const teamsOf = (login: string): string[] => asked.filter((team) => teams.get(team)?.has(login.toLowerCase()));
    return { approvers: logins.map((login) => ({ login, teams: teamsOf(login) })), unknown };
  };
}

type Rest = Octokit["rest"]["pulls"];
type Pull = Awaited<ReturnType<Rest["get"]>>["data"];
type Reviews = Awaited<ReturnType<Rest["listReviews"]>>["data"];

interface Reader {
  readonly pull: (number: number, signal: AbortSignal) => Promise<Pull>;
  readonly reviews: (number: number, signal: AbortSignal) => Promise<Reviews>;
}

const PAGE = 100;

function readerOf(octokit: Octokit, repository: Repository): Reader {
  const [pulls, firsts] = [tagged<Pull>(), tagged<Reviews>()];
  const query = (number: number, signal: AbortSignal) => ({ ...repository, pull_number: number, request: { signal } });
  return {
    pull: (number, signal) =>
      pulls(String(number), (headers) => octokit.rest.pulls.get({ ...query(number, signal), headers })),
    async reviews(number, signal) {
      const listing = { ...query(number, signal), per_page: PAGE };
      const first = await firsts(String(number), (headers) => octokit.rest.pulls.listReviews({ ...listing, headers }));
      // Of what comes after a full page its tag says nothing.
      return first.length < PAGE ? first : octokit.paginate(octokit.rest.pulls.listReviews, listing);
    },
  };
}

interface Approving extends Query {
  readonly reader: Reader;
}

async function approving(
  octokit: Octokit,
  repository: Repository,
  { reader, number, commit, signal }: Approving,
): Promise<readonly string[]> {
  const shown = await reader.pull(number, signal);
  if (shown.head.sha !== commit) return [];
  const reviews = await reader.reviews(number, signal);
  const newest = new Map<string, (typeof reviews)[number]>();
  for (const review of reviews) {
    // A comment takes no approval back; an account that was deleted leaves null.
    if (review.user === null || !["APPROVED", "CHANGES_REQUESTED", "DISMISSED"].includes(review.state)) continue;
    newest.set(review.user.login, review);
  }
  const approved = [...newest].flatMap(([login, { state, commit_id }]) =>
    state === "APPROVED" && commit_id === commit && login !== shown.user.login ? [login] : [],
  );
  const allowed = await Promise.all(approved.map((login) => mayWrite(octokit, repository, { login, signal })));
  return approved.filter((_, index) => allowed[index]);
}

/** All at once: of one person GitHub answers 404 for who is not in the team and for a team that Trueup may not see. */
async function readMembers(octokit: Octokit, name: string, signal: AbortSignal): Promise<Team["members"]> {
  const [org = "", team_slug = ""] = name.split("/");
  try {
    const query = { org, team_slug, per_page: 100, request: { signal } };
    const members = await octokit.paginate(octokit.rest.teams.listMembersInOrg, query);
    return new Set(members.map(({ login }) => login.toLowerCase()));
  } catch (error) {
    if (statusOf(error) === 404 || (statusOf(error) === 403 && !isRateLimit(error))) return undefined;
    throw error;
  }
}
