import type { Octokit } from "@octokit/rest";
import type { Deployment } from "../forge.js";
import type { Repository } from "./commands.js";

/** By which ours are told from those of a workflow for the same environment and commit. */
const TASK = "trueup";

/** Looked up before it is made: nothing has to be remembered, and a lost answer makes no second one. */
export async function putDeployment(
  octokit: Octokit,
  repository: Repository,
  { environment, commit, state, signal }: Deployment & { readonly signal: AbortSignal },
): Promise<void> {
  const request = { signal };
  const { data: found } = await octokit.rest.repos.listDeployments({
    ...{ ...repository, sha: commit, environment, task: TASK, per_page: 1, request },
  });
  const id = found[0]?.id ?? (await create(octokit, repository, { environment, commit, signal }));
  if (id === undefined) return;
  const deployment = { ...repository, deployment_id: id, request };
  const { data: statuses } = await octokit.rest.repos.listDeploymentStatuses({ ...deployment, per_page: 1 });
  const newest = statuses[0]?.state;
  if (newest === state || (newest === "success" && state === "in_progress")) return;
  // With `success`, GitHub itself makes those of earlier commits inactive.
  await octokit.rest.repos.createDeploymentStatus({ ...deployment, state, environment, auto_inactive: true });
}

interface Creation extends Omit<Deployment, "state"> {
  readonly signal: AbortSignal;
}

async function create(
  octokit: Octokit,
  repository: Repository,
  { environment, commit, signal }: Creation,
): Promise<number | undefined> {
  const { data } = await octokit.rest.repos.createDeployment({
    ...{ ...repository, ref: commit, environment, task: TASK, description: "in sync with Git" },
    // It is there already: no branch is merged into it for that, and no check can hold it back.
    ...{ auto_merge: false, required_contexts: [] },
    // A second attempt may come after a first that GitHub carried out.
    request: { signal, retries: 0 },
  });
  return "id" in data ? data.id : undefined;
}
