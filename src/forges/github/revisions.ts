import type { Octokit } from "@octokit/rest";
import type { RevisionForge } from "../forge.js";
import { approvalsOf } from "./approvals.js";
import { checksOf } from "./checks.js";
import type { Repository } from "./commands.js";
import { putDeployment } from "./deployments.js";
import { isRateLimit, statusOf, wordsOf } from "./failure.js";

/** GitHub takes no longer one. */
const DESCRIPTION = 140;

/** Errors are Octokit's own: whoever asks explains them. */
export function revisionsOf(octokit: Octokit, repository: Repository): RevisionForge {
  const approvals = approvalsOf(octokit, repository);
  const checks = checksOf(octokit, repository);
  return {
    approvals: (number, asked, signal) => approvals({ number, ...asked, signal }),
    checks: (commit, signal) => checks({ commit, signal }),
    async status(sha, { context, state, description: text }, signal) {
      const description = text.length > DESCRIPTION ? `${text.slice(0, DESCRIPTION - 1)}…` : text;
      await octokit.rest.repos.createCommitStatus({
        ...{ ...repository, sha, context, state, description, request: { signal } },
      });
    },
    async merge(number, sha, signal) {
      try {
        // A second attempt would be refused after a first whose answer was lost: that it is merged is seen the next time.
        const request = { signal, retries: 0 };
        await octokit.rest.pulls.merge({ ...repository, pull_number: number, sha, merge_method: "merge", request });
        return {};
      } catch (error) {
        if (!REFUSALS.has(statusOf(error) ?? 0) || isRateLimit(error)) throw error;
        return { refused: wordsOf(error) };
      }
    },
    deployment: (deployment, signal) => putDeployment(octokit, repository, { ...deployment, signal }),
  };
}

/** Not allowed, not there, not mergeable (as required reviews and checks say it), the head moved, not valid. */
const REFUSALS: ReadonlySet<number> = new Set([403, 404, 405, 409, 422]);
