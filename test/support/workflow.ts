import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cleanEnv } from "./cli.js";

export interface Step {
  readonly id?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly shell?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Job {
  readonly "timeout-minutes"?: number;
  readonly if?: string;
  readonly permissions?: unknown;
  readonly env?: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
}

export interface Workflow {
  readonly permissions?: unknown;
  readonly concurrency?: { readonly group: string };
  readonly jobs: Readonly<Record<string, Job>>;
}

export interface RunnerOptions {
  /** The job's folder is made below it. */
  readonly home?: string;
  /** What GitHub would put in place of each `${{ expression }}`. */
  readonly values: Readonly<Record<string, string>>;
  /** Made ready by the caller, in place of actions/checkout. */
  readonly workspace?: string;
  /** The event's payload. */
  readonly event?: object;
  /** Variables of this run. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface JobRun {
  readonly code: number;
  /** The job's log. */
  readonly log: string;
  readonly summary: string;
  /** By `name` of the last step that told it. */
  readonly outputs: Readonly<Record<string, string>>;
  readonly workspace: string;
}

/**
 * Runs the `run` steps of a job as a runner of GitHub Actions does: each a bash of its own in the workspace, with the variables
 * and files that Actions gives it. Steps that use another action are the caller's.
 */
export async function runSteps(
  { steps, env }: Pick<Job, "steps" | "env">,
  { home = tmpdir(), values, workspace: given, event = {}, env: own = {} }: RunnerOptions,
): Promise<JobRun> {
  const temp = mkdtempSync(join(home, "job-"));
  const workspace = given ?? join(temp, "workspace");
  mkdirSync(workspace, { recursive: true });
  const files = Object.fromEntries(
    ["GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_ENV"].map((name) => [name, join(temp, name)]),
  );
  for (const file of Object.values(files)) writeFileSync(file, "");
  const payload = join(temp, "event.json");
  writeFileSync(payload, JSON.stringify(event));
  const runner = {
    ...cleanEnv(temp),
    ...{ CI: "true", GITHUB_ACTIONS: "true", GITHUB_ACTOR: "octocat", GITHUB_WORKSPACE: workspace, RUNNER_TEMP: temp },
    ...{ RUNNER_OS: "Linux", GITHUB_EVENT_PATH: payload, GITHUB_REPOSITORY: "acme/environments", ...files },
    // `npm install --global` of a checkout is a link to it; the checkout is built already.
    ...{ npm_config_prefix: temp, npm_config_ignore_scripts: "true", npm_config_offline: "true" },
    ...own,
  };
  const read = (name: string): string => readFileSync(files[name] ?? "", "utf8");
  const evaluated = (variables: Readonly<Record<string, string>> = {}) =>
    Object.fromEntries(
      Object.entries(variables).map(([name, text]) => [
        name,
        text.replaceAll(/\$\{\{ (.*?) \}\}/g, (_, expression: string) => {
          const value = values[expression];
          if (value === undefined) throw new Error(`no value for ${expression}`);
          return value;
        }),
      ]),
    );
  let log = "";
  let code = 0;
  for (const [index, step] of steps.entries()) {
    if (step.run === undefined || code !== 0) continue;
    const script = join(temp, `${index}.sh`);
    writeFileSync(script, step.run);
    const added = read("GITHUB_PATH").split("\n").filter(Boolean).reverse();
    const path = [...added, join(temp, "bin"), process.env["PATH"] ?? ""].join(":");
    const options = { cwd: workspace, env: { ...runner, PATH: path, ...evaluated(env), ...evaluated(step.env) } };
    const flags = step.shell === "bash" ? ["--noprofile", "--norc", "-eo", "pipefail"] : ["-e"];
    code = await new Promise<number>((resolve) => {
      execFile("bash", [...flags, script], options, (error, stdout, stderr) => {
        log += stdout + stderr;
        resolve(error === null ? 0 : Number(error.code));
      });
    });
  }
  const outputs = read("GITHUB_OUTPUT")
    .split("\n")
    .filter(Boolean)
    .map((line) => /^([^=]+)=(.*)$/.exec(line)?.slice(1) ?? [line, ""]);
  return {
    code,
    log,
    summary: read("GITHUB_STEP_SUMMARY"),
    outputs: Object.fromEntries(outputs) as Record<string, string>,
    workspace,
  };
}
