import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { PACKAGE } from "./paths.js";

/** A bare repository with one branch an environment, made from the environments and policies that the package ships. */
export async function makeRepository(bare: string, environments: readonly string[]): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), "trueup-demo-"));
  try {
    for (const folder of ["environments", "policies"])
      cpSync(join(PACKAGE, folder), join(work, folder), { recursive: true });
    const [first = "main", ...others] = environments;
    await git(work, ["init", "--quiet", `--initial-branch=${first}`]);
    await git(work, ["add", "."]);
    await git(work, ["commit", "--quiet", "-m", "Describe the occupancy predictor in dev, staging and prod"]);
    for (const branch of others) await git(work, ["branch", branch]);
    mkdirSync(bare, { recursive: true });
    await git(work, ["clone", "--quiet", "--bare", work, bare]);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function git(cwd: string, args: readonly string[]): Promise<void> {
  // A fresh machine has no user.name yet, and a developer's hooks and signing are none of the demonstration's business.
  const settings = {
    "user.name": "Trueup demonstration",
    "user.email": "demo@example.org",
    "commit.gpgsign": "false",
    "core.hooksPath": "/dev/null",
  };
  const flags = Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
  await execa("git", [...flags, ...args], { cwd, env: { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" } });
}
