import type { Octokit } from "@octokit/rest";
import type { CommitStatus, ConversationForge, OpenPullRequest, OwnComment } from "../forge.js";
import type { GitHubIdentity } from "./client.js";
import { mayWrite, type Repository } from "./commands.js";
import { bodyOf, writeComment } from "./comment.js";
import { isOwn, type Listed } from "./listed.js";
import { tagged } from "./tagged.js";

const PAGE = 100;

/** Errors are Octokit's own: whoever asks explains them. */
export function conversationsOf(octokit: Octokit, repository: Repository, identity: GitHubIdentity): ConversationForge {
  const self = selfOf(octokit, identity);
  const firsts = tagged<readonly Listed[]>();
  return {
    async open(signal) {
      const query = { ...repository, state: "open", per_page: PAGE, request: { signal } } as const;
      const first = await firsts("", (headers) => octokit.rest.pulls.list({ ...query, headers }));
      // Of what comes after a full page its tag says nothing.
      const all = first.length < PAGE ? first : await octokit.paginate(octokit.rest.pulls.list, query);
      return all.map((pull) => shown(pull, repository));
    },
    mayWrite: (login, signal) => mayWrite(octokit, repository, { login, signal }),
    say: async (number, comment, signal) =>
      say(octokit, repository, { ...comment, number, author: await self(signal), signal }),
    async told(commit, context, signal) {
      const query = { ...repository, ref: commit, per_page: PAGE, request: { signal } };
      const statuses = await octokit.paginate(octokit.rest.repos.listCommitStatusesForRef, query);
      const newest = statuses.find((status) => status.context === context);
      if (newest === undefined || newest.creator?.login !== (await self(signal))) return undefined;
      const { description } = newest;
      return isState(newest.state) ? { context, state: newest.state, description: description ?? "" } : undefined;
    },
  };
}

function shown(pull: Listed, repository: Repository): OpenPullRequest {
  const { number, base, head } = pull;
  // A fork that was deleted leaves null, which GitHub's description does not say.
  const from = head.repo as Listed["head"]["repo"] | null;
  return {
    ...{ number, base: base.ref, commit: head.sha, ref: `refs/pull/${number}/head` },
    ...(isOwn(pull, repository) ? { branch: head.ref } : from === null ? {} : { forkedBy: from.owner.login }),
  };
}

function isState(state: string): state is CommitStatus["state"] {
  return state === "pending" || state === "success" || state === "failure";
}

/** Under which name Trueup writes: asked once. */
function selfOf(octokit: Octokit, identity: GitHubIdentity): (signal: AbortSignal) => Promise<string> {
  let known: string | undefined;
  return async (signal) => {
    const request = { signal };
    if ("token" in identity) known ??= (await octokit.rest.users.getAuthenticated({ request })).data.login;
    else known ??= `${(await octokit.rest.apps.getAuthenticated({ request })).data?.slug ?? ""}[bot]`;
    return known;
  };
}

interface Saying extends OwnComment {
  readonly number: number;
  readonly author: string;
  readonly signal: AbortSignal;
}

/** Anybody can copy the mark: only in a comment of Trueup's own it counts. */
async function say(octokit: Octokit, repository: Repository, saying: Saying): Promise<void> {
  const { kind, text, add, number, author, signal } = saying;
  const mark = `<!-- trueup:${kind} -->`;
  const query = { ...repository, issue_number: number, per_page: PAGE, request: { signal } };
  const comments = await octokit.paginate(octokit.rest.issues.listComments, query);
  const own = comments.find(({ user, body = "" }) => user?.login === author && body.trimEnd().endsWith(mark));
  if (own === undefined) {
    if (add) await writeComment(octokit, repository, { number, text, mark, signal });
    return;
  }
  const body = bodyOf(text, mark);
  if (own.body?.trimEnd() === body) return;
  await octokit.rest.issues.updateComment({ ...repository, comment_id: own.id, body, request: { signal } });
}
