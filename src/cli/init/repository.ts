import { existsSync, statSync } from "node:fs";
import { devNull } from "node:os";
import { dirname, relative, resolve, sep } from "node:path";
import { execa } from "execa";
import { TrueupError } from "../../core/errors.js";
import type { RepositoryPlace } from "./files.js";

const FIRST_COMMIT = "Describe dev, staging and prod";

export const BRANCHES = ["dev", "staging", "prod"] as const;

/** The top folder of the repository that a folder is in, or would be in; undefined where there is none. */
export async function repositoryAround(folder: string): Promise<string | undefined> {
  let existing = resolve(folder);
  while (!existsSync(existing) || !statSync(existing).isDirectory()) existing = dirname(existing);
  const { stdout, exitCode, stderr } = await git(existing, ["rev-parse", "--show-toplevel"]);
  if (exitCode === 0) return stdout;
  if (stderr.includes("not a git repository")) return undefined;
  throw gitFailed(stderr);
}

/** The folder in its repository, as trueup.yaml in that folder says it. */
export function placeIn(repository: string | undefined, folder: string): RepositoryPlace {
  if (repository === undefined) return { url: ".", path: "." };
  const slashed = (path: string): string => (path === "" ? "." : path.split(sep).join("/"));
  return { url: slashed(relative(folder, repository)), path: slashed(relative(repository, folder)) };
}

/** Makes a repository of the folder: one commit, and a branch of it for each environment. */
export async function makeRepository(folder: string): Promise<void> {
  const [first, ...others] = BRANCHES;
  await done(folder, ["init", "--quiet", `--initial-branch=${first}`]);
  await done(folder, ["add", "--all", "."]);
  await done(folder, [...(await identity(folder)), "commit", "--no-gpg-sign", "--quiet", "--message", FIRST_COMMIT]);
  for (const branch of others) await done(folder, ["branch", branch]);
}

/** What is left to do with the files that were written into a repository of someone else's, as commands. */
export async function commandsFor(folder: string, files: readonly string[]): Promise<string[]> {
  // trueup.yaml is the operator's, and stays out.
  const folders = new Set(files.filter((file) => file.includes("/")).map((file) => file.split("/")[0]));
  const { stdout } = await git(folder, ["for-each-ref", "--format=%(refname:short)", "refs/heads/"]);
  const known = new Set(stdout.split("\n"));
  const branches = BRANCHES.map((branch) =>
    known.has(branch) ? `git switch ${branch} && git merge -` : `git branch ${branch}`,
  );
  return [`git add ${[...folders].join(" ")}`, `git commit -m "${FIRST_COMMIT}"`, ...branches];
}

/** A fresh machine has no user.name yet; where there is one, it is the author. */
async function identity(folder: string): Promise<string[]> {
  const { exitCode } = await git(folder, ["var", "GIT_AUTHOR_IDENT"]);
  return exitCode === 0 ? [] : ["-c", "user.name=Trueup", "-c", "user.email=trueup@localhost"];
}

async function done(folder: string, args: readonly string[]): Promise<void> {
  // A person's own hooks and templates have no say in an example.
  const { exitCode, stderr } = await git(folder, ["-c", `core.hooksPath=${devNull}`, ...args]);
  if (exitCode !== 0) throw gitFailed(stderr);
}

function git(cwd: string, args: readonly string[]) {
  return execa("git", args, { cwd, reject: false, env: { LC_ALL: "C" }, stdin: "ignore" });
}

function gitFailed(stderr = ""): TrueupError {
  const [line = ""] = stderr.split("\n");
  const absent = line === "";
  return new TrueupError("GIT_FAILED", absent ? "git was not found" : `git: ${line.replace(/^fatal: /, "")}`, {
    hint: absent
      ? "install git 2.39 or newer and put it into PATH"
      : "the files are written: make the repository yourself, with the branches dev, staging and prod",
  });
}
