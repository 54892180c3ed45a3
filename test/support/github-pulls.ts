import { execFileSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Pull requests of repositories that have real git behind them: the emulator knows nothing of their commits. */
export interface ServedPulls {
  answer(request: PullRequest, emulated: (request: PullRequest) => Promise<Answer>): Promise<Answer>;
  readonly protect: (repository: string, branch: string, contexts: readonly string[]) => void;
}

interface PullRequest {
  readonly method: string;
  readonly path: string;
  readonly url: string;
  readonly body: string;
  readonly authorization: string | undefined;
}

interface Answer {
  readonly status: number;
  readonly data: unknown;
}

interface Pull {
  readonly number: number;
  readonly state: string;
  head: { readonly ref: string; sha: string; readonly repo: { readonly full_name: string } | null };
  readonly base: { readonly ref: string; readonly repo: { readonly full_name: string } };
}

interface Known {
  readonly folders: ReadonlyMap<string, string>;
  /** The newest state of a status, by its context. */
  readonly statuses: (repository: string, commit: string) => Promise<ReadonlyMap<string, string>>;
}

export function servedPulls({ folders, statuses }: Known): ServedPulls {
  const required = new Map<string, readonly string[]>();

  async function merge(at: { repository: string; folder: string; pull: Pull }, body: string) {
    const { repository, folder, pull } = at;
    const { sha } = JSON.parse(body) as { sha?: string };
    if (sha !== undefined && sha !== pull.head.sha) {
      return { status: 409, data: { message: "Head branch was modified. Review and try the merge again." } };
    }
    const said = await statuses(repository, pull.head.sha);
    const lacking = required.get(`${repository} ${pull.base.ref}`)?.find((each) => said.get(each) !== "success");
    if (lacking !== undefined) {
      return { status: 405, data: { message: `Required status check "${lacking}" is expected.` } };
    }
    mergeInGit(folder, { head: pull.head.ref, base: pull.base.ref, number: pull.number });
    return undefined;
  }

  return {
    async answer(request, emulated) {
      const { method, path, body } = request;
      const [, repository = "", number, part] =
        /^\/repos\/([^/]+\/[^/]+)\/pulls(?:\/(\d+))?(?:\/(.+))?$/.exec(path) ?? [];
      const folder = folders.get(repository);
      if (folder === undefined) return emulated(request);
      if (part === undefined) {
        const given = await emulated(request);
        for (const pull of [given.data].flat() as Partial<Pull>[]) withHead(folder, pull);
        return given;
      }
      const pullPath = `/repos/${repository}/pulls/${number ?? ""}`;
      const { data } = await emulated({ ...request, method: "GET", path: pullPath, url: pullPath, body: "" });
      const pull = withHead(folder, data as Pull);
      if (method === "PUT" && part === "merge") {
        return (await merge({ repository, folder, pull }, body)) ?? emulated({ ...request, body: "{}" });
      }
      if (method !== "POST" || part !== "reviews") return emulated(request);
      const review = { commit_id: pull.head.sha, ...(JSON.parse(body) as object) };
      return emulated({ ...request, body: JSON.stringify(review) });
    },
    protect(repository, branch, contexts) {
      required.set(`${repository} ${branch}`, contexts);
      const hook = join(git(folders.get(repository) ?? "", "rev-parse", "--absolute-git-dir"), "hooks", "update");
      const says = `echo "error: GH006: Protected branch update failed for $1." >&2`;
      writeFileSync(hook, `#!/bin/sh\nif [ "$1" = "refs/heads/${branch}" ]; then ${says}; exit 1; fi\n`);
      chmodSync(hook, 0o755);
    },
  };
}

/** As GitHub, it keeps `refs/pull/<number>/head` where the branch is; what a fork has is known by that alone. */
function withHead<T extends Partial<Pull>>(folder: string, pull: T): T {
  const { number, head, base } = pull;
  if (number === undefined || head === undefined || pull.state !== "open") return pull;
  const kept = `refs/pull/${number}/head`;
  const isFork = head.repo?.full_name !== base?.repo.full_name;
  try {
    head.sha = git(folder, "rev-parse", "--verify", isFork ? kept : `refs/heads/${head.ref}`);
    if (!isFork) git(folder, "update-ref", kept, head.sha);
  } catch {
    // One that is gone.
  }
  return pull;
}

export function hasCommits(folder: string, { head, base }: { head: string; base: string }): boolean {
  try {
    return git(folder, "rev-list", "--count", `refs/heads/${base}..refs/heads/${head}`) !== "0";
  } catch {
    return false;
  }
}

export function hasCommit(folder: string | undefined, commit: string): boolean {
  if (folder === undefined) return true;
  try {
    git(folder, "cat-file", "-e", `${commit}^{commit}`);
    return true;
  } catch {
    return false;
  }
}

/** A merge commit, as GitHub's button makes it. */
function mergeInGit(folder: string, { head, base, number }: { head: string; base: string; number: number }): void {
  const [ours, theirs] = [`refs/heads/${base}`, `refs/heads/${head}`];
  const tree = git(folder, "merge-tree", "--write-tree", ours, theirs);
  const who = ["-c", "user.name=acme", "-c", "user.email=acme@users.noreply.github.com"];
  const message = `Merge pull request #${number} from acme/${head}`;
  const commit = git(folder, ...who, "commit-tree", tree, "-p", ours, "-p", theirs, "-m", message);
  git(folder, "update-ref", ours, commit);
}

function git(folder: string, ...args: string[]): string {
  return execFileSync("git", args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
}
