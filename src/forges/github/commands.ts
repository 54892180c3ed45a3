import type { Octokit } from "@octokit/rest";
import type { Command } from "../forge.js";
import { statusOf } from "./failure.js";

export interface Repository {
  readonly owner: string;
  readonly repo: string;
}

interface CommandQuery {
  readonly number: number;
  /** ISO 8601 */
  readonly since: string;
  readonly signal: AbortSignal;
}

type Comment = Awaited<ReturnType<Octokit["rest"]["issues"]["listComments"]>>["data"][number];

const COMMAND = /^\/trueup(?:[ \t]+(.*))?$/;
/** Control characters, and those that turn the direction of writing: histories are read in terminals. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}]/gu;
const PAGE = 100;

/** By which an answer is known for one, after a crash and to a Trueup that lost its store. */
export function answerMark(command: string): string {
  return `<!-- trueup:answers ${command} -->`;
}

/** Asked every cycle: where nobody wrote anything GitHub answers 304, which costs nothing of the rate limit. */
export function commandsOf(octokit: Octokit, repository: Repository) {
  const known = new Map<
    number,
    { readonly since: string; readonly etag: string; readonly commands: readonly Command[] }
  >();
  return async ({ number, since, signal }: CommandQuery): Promise<readonly Command[]> => {
    const before = known.get(number);
    const isSame = before?.since === since;
    const query = { ...repository, issue_number: number, since, per_page: PAGE, request: { signal } };
    try {
      const { data, headers } = await octokit.rest.issues.listComments({
        ...query,
        headers: isSame ? { "if-none-match": before.etag } : {},
      });
      const isAll = data.length < PAGE;
      const comments = isAll ? data : await octokit.paginate(octokit.rest.issues.listComments, query);
      const commands = await unanswered(octokit, repository, { comments, number, since, signal });
      // Of what comes after a full page its tag says nothing.
      if (isAll && headers.etag !== undefined) known.set(number, { since, etag: headers.etag, commands });
      return commands;
    } catch (error) {
      if (statusOf(error) === 304 && before !== undefined) return before.commands;
      throw error;
    }
  };
}

async function unanswered(
  octokit: Octokit,
  repository: Repository,
  { comments, number, since, signal }: CommandQuery & { comments: readonly Comment[] },
): Promise<readonly Command[]> {
  const asked = comments.flatMap(({ id, body = "", user, created_at: at }): Command[] => {
    const match = COMMAND.exec(body.split(/\r?\n/)[0] ?? "");
    // `since` is about the last edit: what was asked counts by when it was written.
    if (match === null || user === null || at < since) return [];
    const text = (match[1] ?? "").replaceAll(UNPRINTABLE, " ").trim();
    return [{ id: String(id), author: user.login, text, at }];
  });
  if (asked.length === 0) return [];
  const answers = comments.filter(({ body = "" }) => asked.some(({ id }) => body.includes(answerMark(id))));
  // Anybody can write such a mark: only who opened the pull request, which is Trueup, answers.
  const opener = answers.length === 0 ? undefined : await openerOf(octokit, repository, { number, signal });
  const own = answers.filter(({ user }) => user?.login === opener);
  const allowed = new Map<string, boolean>();
  const commands: Command[] = [];
  for (const command of asked) {
    if (own.some(({ body = "" }) => body.includes(answerMark(command.id)))) continue;
    const { author } = command;
    const isAllowed = allowed.get(author) ?? (await mayWrite(octokit, repository, { login: author, signal }));
    allowed.set(author, isAllowed);
    if (isAllowed) commands.push(command);
  }
  return commands;
}

async function openerOf(
  octokit: Octokit,
  repository: Repository,
  { number, signal }: { number: number; signal: AbortSignal },
): Promise<string> {
  const { data } = await octokit.rest.pulls.get({ ...repository, pull_number: number, request: { signal } });
  return data.user.login;
}

/** `author_association` would not do: a member of the organisation need not have write access. */
export async function mayWrite(
  octokit: Octokit,
  repository: Repository,
  { login, signal }: { login: string; signal: AbortSignal },
): Promise<boolean> {
  try {
    const { data } = await octokit.rest.repos.getCollaboratorPermissionLevel({
      ...{ ...repository, username: login, request: { signal } },
    });
    return ["admin", "write"].includes(data.permission);
  } catch (error) {
    if (statusOf(error) === 404) return false;
    throw error;
  }
}
