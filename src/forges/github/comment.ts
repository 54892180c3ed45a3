import { randomUUID } from "node:crypto";
import type { Octokit } from "@octokit/rest";
import pRetry from "p-retry";
import { isUncertain } from "./failure.js";
import { fitting } from "./fitting.js";

export interface Comment {
  readonly number: number;
  readonly text: string;
  /** By which it is known again; default: one of its own. Nobody sees it. */
  readonly mark?: string;
  readonly signal: AbortSignal;
}

/** How far our clock may be ahead of GitHub's, in milliseconds. */
const CLOCKS_APART = 3_600_000;

/** The mark is kept, however long the text is. */
export function bodyOf(text: string, mark: string): string {
  return `${fitting(text)}\n\n${mark}`;
}

/** Writes a comment, tried three times. An attempt whose answer was lost may have written it: that is looked at first. */
export async function writeComment(
  octokit: Octokit,
  repository: { readonly owner: string; readonly repo: string },
  { number, text, mark = `<!-- trueup:${randomUUID()} -->`, signal }: Comment,
): Promise<void> {
  const issue = { ...repository, issue_number: number };
  const since = new Date(Date.now() - CLOCKS_APART).toISOString();
  const isWritten = async (): Promise<boolean> => {
    const query = { ...issue, since, per_page: 100, request: { signal } };
    const comments = await octokit.paginate(octokit.rest.issues.listComments, query);
    return comments.some(({ body }) => body?.includes(mark));
  };
  const write = async (): Promise<void> => {
    try {
      await octokit.rest.issues.createComment({
        ...issue,
        body: bodyOf(text, mark),
        request: { signal, retries: 0 },
      });
    } catch (error) {
      if (!isUncertain(error) || !(await isWritten())) throw error;
    }
  };
  await pRetry(write, { retries: 2, signal, shouldRetry: ({ error }) => isUncertain(error) });
}
