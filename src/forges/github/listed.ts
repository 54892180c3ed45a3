import type { Octokit } from "@octokit/rest";
import type { Repository } from "./commands.js";

/** A pull request as GitHub lists it, as far as we look. */
export type Listed = Awaited<ReturnType<Octokit["rest"]["pulls"]["list"]>>["data"][number];

/** Whether the head branch is in the repository itself: GitHub lists forks of the same owner, too. */
export function isOwn({ head }: Listed, { owner, repo }: Repository): boolean {
  // A fork that was deleted leaves null, which GitHub's description does not say.
  const from = head.repo as Listed["head"]["repo"] | null;
  return from?.full_name.toLowerCase() === `${owner}/${repo}`.toLowerCase();
}
