import { execFile } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A file's content; a symbolic link. */
type TestFile = string | Buffer | { readonly linkTo: string };

export interface TestRepository {
  readonly folder: string;
  /** Runs git there as Test Author, whatever the machine's own configuration says. Returns its output, trimmed. */
  git(...args: readonly string[]): Promise<string>;
  /** Writes the files, commits everything, and returns the commit's id. */
  commit(files: Readonly<Record<string, TestFile>>, message?: string): Promise<string>;
}

/** A repository with a work tree, on branch `main`, without a commit. */
export async function makeRepository(folder: string, ...flags: readonly string[]): Promise<TestRepository> {
  await mkdir(folder, { recursive: true });
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_AUTHOR_NAME: "Test Author",
    GIT_AUTHOR_EMAIL: "author@example.org",
    GIT_COMMITTER_NAME: "Test Author",
    GIT_COMMITTER_EMAIL: "author@example.org",
  };
  const git: TestRepository["git"] = async (...args) =>
    (await run("git", args, { cwd: folder, env, maxBuffer: 64 * 1024 * 1024 })).stdout.trim();
  await git("init", "--quiet", "--initial-branch=main", ...flags);
  // For the test's own pushes into it over HTTP.
  await git("config", "http.receivepack", "true");
  return {
    folder,
    git,
    async commit(files, message = "change") {
      for (const [name, content] of Object.entries(files)) {
        const path = join(folder, name);
        await mkdir(dirname(path), { recursive: true });
        if (typeof content === "object" && "linkTo" in content) await symlink(content.linkTo, path);
        else await writeFile(path, content);
      }
      await git("add", "--all", "--force");
      await git("commit", "--quiet", "--allow-empty", "--message", message);
      return git("rev-parse", "HEAD");
    },
  };
}
