import type { Octokit } from "@octokit/rest";
import { unlessAborted } from "../../lib/shared.js";
import type { Forge, OpenRequest, PullRequest, PullRequestUpdate } from "../forge.js";
import { type GitHubOptions, openClient, webOf } from "./client.js";
import { answerMark, commandsOf, type Repository } from "./commands.js";
import { writeComment } from "./comment.js";
import { conversationsOf } from "./conversations.js";
import { explain, statusOf } from "./failure.js";
import { fitting } from "./fitting.js";
import { isOwn, type Listed } from "./listed.js";
import { revisionsOf } from "./revisions.js";

export async function openGitHub(options: GitHubOptions): Promise<Forge> {
  const octokit = await openClient(options);
  const [owner = "", repo = ""] = options.repository.split("/");
  const repository: Repository = { owner, repo };
  const asking = async <T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> => {
    try {
      // Octokit's own waiting knows no signal.
      return await unlessAborted(work(), signal);
    } catch (error) {
      signal.throwIfAborted();
      throw explain(error, options.repository);
    }
  };
  const newest = newestOf(octokit, repository);
  const commands = commandsOf(octokit, repository);
  const revisions = revisionsOf(octokit, repository);
  const conversations = conversationsOf(octokit, repository, options.identity);
  return {
    name: "github",
    historyOf: (branch, file) =>
      `${webOf(options.baseUrl)}/${options.repository}/commits/${encoded(`${branch}/${file}`)}`,
    find: (head, signal) =>
      asking(async () => {
        const found = await newest(head, signal);
        return found === undefined ? undefined : await pullRequestOf(octokit, repository, { found, signal });
      }, signal),
    open: (request, signal) =>
      asking(async () => {
        const before = await newest(request.head, signal);
        const found = before?.state === "open" ? before : await create(octokit, repository, { request, signal });
        await label(octokit, repository, { number: found.number, labels: request.labels, signal });
        await askForReviews(octokit, repository, { number: found.number, request, signal });
        return { ...shown(found), state: "open" };
      }, signal),
    update: (number, update, signal) => asking(() => put(octokit, repository, { number, update, signal }), signal),
    commands: (number, since, signal) => asking(() => commands({ number, since, signal }), signal),
    revisions: {
      approvals: (number, asked, signal) => asking(() => revisions.approvals(number, asked, signal), signal),
      checks: (commit, signal) => asking(() => revisions.checks(commit, signal), signal),
      status: (commit, status, signal) => asking(() => revisions.status(commit, status, signal), signal),
      merge: (number, commit, signal) => asking(() => revisions.merge(number, commit, signal), signal),
      deployment: (deployment, signal) => asking(() => revisions.deployment(deployment, signal), signal),
    },
    conversations: {
      open: (signal) => asking(() => conversations.open(signal), signal),
      mayWrite: (login, signal) => asking(() => conversations.mayWrite(login, signal), signal),
      say: (number, comment, signal) => asking(() => conversations.say(number, comment, signal), signal),
      told: (commit, context, signal) => asking(() => conversations.told(commit, context, signal), signal),
    },
  };
}

function encoded(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

/** Asked every cycle: where nothing changed GitHub answers 304, which costs nothing of the rate limit. */
function newestOf(octokit: Octokit, { owner, repo }: Repository) {
  const known = new Map<string, { readonly etag: string; readonly found: Listed | undefined }>();
  return async (head: string, signal: AbortSignal): Promise<Listed | undefined> => {
    const before = known.get(head);
    try {
      const { data, headers } = await octokit.rest.pulls.list({
        ...{ owner, repo, head: `${owner}:${head}`, state: "all", sort: "created", direction: "desc", per_page: 100 },
        headers: before === undefined ? {} : { "if-none-match": before.etag },
        request: { signal },
      });
      const own = data.filter((each) => isOwn(each, { owner, repo }) && each.head.ref === head);
      // An open one first: whatever else was opened and closed since, people look at that.
      const found = own.find(({ state }) => state === "open") ?? own[0];
      if (headers.etag !== undefined) known.set(head, { etag: headers.etag, found });
      return found;
    } catch (error) {
      if (statusOf(error) === 304 && before !== undefined) return before.found;
      throw error;
    }
  };
}

function shown({
  number,
  html_url,
  title,
  body,
  base,
}: Pick<Listed, "number" | "html_url" | "title" | "body" | "base">) {
  return { number, url: html_url, title, body: body ?? "", base: base.ref };
}

interface Found {
  readonly found: Listed;
  readonly signal: AbortSignal;
}

async function pullRequestOf(octokit: Octokit, repository: Repository, { found, signal }: Found): Promise<PullRequest> {
  if (found.state === "open") return { ...shown(found), state: "open" };
  const state = found.merged_at === null ? "closed" : "merged";
  const number = found.number;
  const decidedBy =
    state === "merged"
      ? (await octokit.rest.pulls.get({ ...repository, pull_number: number, request: { signal } })).data.merged_by
          ?.login
      : await closedBy(octokit, repository, { number, signal });
  return { ...shown(found), state, ...(decidedBy === undefined ? {} : { decidedBy }) };
}

/** GitHub tells it of the issue that each pull request is, where issues may be read. */
async function closedBy(
  octokit: Octokit,
  repository: Repository,
  { number, signal }: { number: number; signal: AbortSignal },
): Promise<string | undefined> {
  try {
    const { data } = await octokit.rest.issues.get({ ...repository, issue_number: number, request: { signal } });
    return data.closed_by?.login;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

async function label(
  octokit: Octokit,
  repository: Repository,
  { number, labels, signal }: { number: number; labels: readonly string[]; signal: AbortSignal },
): Promise<void> {
  if (labels.length === 0) return;
  await octokit.rest.issues.setLabels({
    ...repository,
    issue_number: number,
    labels: [...labels],
    request: { signal },
  });
}

interface Opening {
  readonly request: OpenRequest;
  readonly signal: AbortSignal;
}

async function create(octokit: Octokit, repository: Repository, { request, signal }: Opening): Promise<Listed> {
  const { head, base, title, body } = request;
  try {
    const { data } = await octokit.rest.pulls.create({
      ...{ ...repository, head, base, title, body: fitting(body) },
      // A second attempt may come after a first that GitHub carried out: ours looks before it asks again.
      request: { signal, retries: 0 },
    });
    return data as Listed;
  } catch (error) {
    const there = await newestOf(octokit, repository)(head, signal);
    if (there?.state === "open") return there;
    throw error;
  }
}

/** How many are asked one by one where not all may be asked together: GitHub wants seconds between such requests. */
const ONE_BY_ONE = 5;

async function askForReviews(
  octokit: Octokit,
  repository: Repository,
  { number, request, signal }: Opening & { number: number },
): Promise<void> {
  const isTeam = (name: string): boolean => name.includes("/");
  /** False where GitHub refuses: one of them is no collaborator, the author, or a team that the token may not see. */
  const ask = async (names: readonly string[]): Promise<boolean> => {
    const reviewers = names.filter((name) => !isTeam(name));
    const teams = names.filter(isTeam).map((name) => name.split("/")[1] ?? "");
    try {
      await octokit.rest.pulls.requestReviewers({
        ...{ ...repository, pull_number: number, reviewers, team_reviewers: teams },
        request: { signal },
      });
      return true;
    } catch (error) {
      if (![403, 404, 422].includes(statusOf(error) ?? 0)) throw error;
      return false;
    }
  };
  const { reviewers: all } = request;
  // CODEOWNERS may name whoever it likes: those who may not review shall not keep the others from being asked.
  if (all.length === 0 || (await ask(all)) || all.length === 1) return;
  for (const name of all.slice(0, ONE_BY_ONE)) await ask([name]);
}

interface Putting {
  readonly number: number;
  readonly update: PullRequestUpdate;
  readonly signal: AbortSignal;
}

async function put(octokit: Octokit, repository: Repository, { number, update, signal }: Putting): Promise<void> {
  const { content, comment, answers, close } = update;
  const pull = { ...repository, pull_number: number, request: { signal } };
  if (content !== undefined) {
    const { title, body, labels } = content;
    await octokit.rest.pulls.update({ ...pull, title, body: fitting(body) });
    await label(octokit, repository, { number, labels, signal });
  }
  if (comment !== undefined) {
    const mark = answers === undefined ? {} : { mark: answerMark(answers) };
    await writeComment(octokit, repository, { number, text: comment, ...mark, signal });
  }
  if (close === true) await octokit.rest.pulls.update({ ...pull, state: "closed" });
}
