import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { PACKAGE } from "./paths.js";

/** A bare repository with one branch an environment, made from the environments and policies that the package ships. */
export async function makeRepository(bare: string, environments: readonly string[]): Promise<void> {
  await inFolder(async (work) => {
    for (const folder of ["environments", "policies"])
      cpSync(join(PACKAGE, folder), join(work, folder), { recursive: true });
    const [first = "main", ...others] = environments;
    await git(work, ["init", "--quiet", `--initial-branch=${first}`]);
    await git(work, ["add", "."]);
    await git(work, ["commit", "--quiet", "-m", "Describe the occupancy predictor in dev, staging and prod"]);
    for (const branch of others) await git(work, ["branch", branch]);
    mkdirSync(bare, { recursive: true });
    await git(work, ["clone", "--quiet", "--bare", work, bare]);
  });
}

export interface Change {
  readonly branch: string;
  readonly message: string;
  /** Changes a checkout of the branch. */
  readonly edit: (folder: string) => void;
}

/** Commits and pushes as somebody with a clone of their own does. Returns the commit. */
export function commitTo(bare: string, { branch, message, edit }: Change): Promise<string> {
  return inFolder(async (work) => {
    await git(work, ["clone", "--quiet", "--branch", branch, bare, "."]);
    edit(work);
    // A world that was made before there were promotions.
    const policy = join("policies", "promotion.yaml");
    if (!existsSync(join(work, policy))) cpSync(join(PACKAGE, policy), join(work, policy));
    await git(work, ["add", "."]);
    await git(work, ["commit", "--quiet", "--allow-empty", "-m", message]);
    await git(work, ["push", "--quiet", "origin", branch]);
    return git(work, ["rev-parse", "HEAD"]);
  });
}

async function inFolder<Result>(act: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), "trueup-demo-"));
  try {
    return await act(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function git(cwd: string, args: readonly string[]): Promise<string> {
  // A fresh machine has no user.name yet, and a developer's hooks and signing are none of the demonstration's business.
  const settings = {
    "user.name": "Trueup demonstration",
    "user.email": "demo@example.org",
    "commit.gpgsign": "false",
    "core.hooksPath": "/dev/null",
  };
  const flags = Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
  const env = { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" };
  const { stdout } = await execa("git", [...flags, ...args], { cwd, env });
  return stdout;
}
