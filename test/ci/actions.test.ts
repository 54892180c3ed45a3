import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { parse } from "yaml";
import { answer } from "../support/json-shapes.js";
import { cleanEnv, trueup } from "../support/cli.js";
import { postgresUnavailable, startPostgres, type TestPostgres } from "../support/postgres.js";
import { type Job, runSteps, type RunnerOptions, type Workflow } from "../support/workflow.js";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What `trueup init` writes, with its store on a server: the repository, and the operator's file with places that hold anywhere. */
let home = "";
let repository = "";
let operator = "";
let server: TestPostgres | undefined;
let store = "";
/** For a login that may look at the store, and no more. */
let readOnly = "";

beforeAll(async () => {
  home = realpathSync(mkdtempSync(join(tmpdir(), "trueup-actions-")));
  repository = join(home, "environments");
  if (postgresUnavailable === undefined) {
    server = await startPostgres();
    store = await server.newDatabase();
  }
  expect((await trueup(["init", repository], { cwd: home })).code).toBe(0);
  const file = join(repository, "trueup.yaml");
  operator = readFileSync(file, "utf8")
    .replace("url: .", `url: ${repository}`)
    .replaceAll("root: live/", `root: ${repository}/live/`)
    .replace("#store:", server === undefined ? "#store:" : "store:");
  writeFileSync(file, operator);
  if (server === undefined) return;
  expect((await cli("sync")).code).toBe(0);
  readOnly = await server.newRole({ name: "reader", password: "r3ader", url: store });
  const grants = "GRANT USAGE ON SCHEMA trueup TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA trueup TO reader";
  await server.sql(grants, { url: store });
});
afterAll(async () => {
  await server?.close();
  rmSync(home, { recursive: true, force: true });
});

const cli = (...args: string[]) => trueup(args, { cwd: repository, env: { TRUEUP_STORE: store } });
const git = (folder: string, ...args: string[]) =>
  execFileSync("git", ["-c", "user.name=Ann", "-c", "user.email=ann@example.org", ...args], {
    cwd: folder,
    env: cleanEnv(home),
    encoding: "utf8",
  }).trim();

function commit(file: string, text: string, folder = repository): string {
  writeFileSync(join(folder, file), text);
  git(folder, "commit", "--quiet", "--all", "--message", `Change ${file}`);
  return git(folder, "rev-parse", "HEAD");
}

/** As actions/checkout leaves it for a pull request: a commit, and no branch. */
function checkout(): string {
  const folder = mkdtempSync(join(home, "checkout-"));
  git(home, "clone", "--quiet", repository, folder);
  git(folder, "checkout", "--quiet", "--detach");
  return folder;
}

function job(file: string, name: string): Job {
  const found = (parse(readFileSync(join(repository, ".github/workflows", file), "utf8")) as Workflow).jobs[name];
  if (found === undefined) throw new Error(`${file} has no job ${name}`);
  return found;
}

describe("the example's workflow for pull requests", () => {
  const run = (workspace: string, env = {}) =>
    runSteps(job("validate.yml", "validate"), { home, workspace, env, values: { "vars.TRUEUP_PACKAGE": ROOT } });

  it("passes what is valid, in every environment, without a secret, the store or anything live", async () => {
    const { code, log, summary, outputs } = await run(checkout());
    expect(code, log).toBe(0);
    expect(log).toMatch(/dev at [0-9a-f]{10}: valid[^]*prod at [0-9a-f]{10}: valid/);
    expect(log).toContain("policies/drift.yaml: 3 cases, passed");
    expect(summary).toContain("| prod | host | valid |  |");
    expect(outputs).toEqual({ state: "valid" });
  });

  it("shows a fault beside its line, once for all environments that have it", async () => {
    const workspace = checkout();
    commit("environments/base/host/app.yaml", "server: { port: [\n", workspace);
    const { code, log, summary, outputs } = await run(workspace);
    expect(code).toBe(1);
    expect(log.match(/^::error .*$/gm)).toEqual([
      "::error title=trueup%3A dev%2C staging%2C prod,file=environments/base/host/app.yaml,line=2,col=1::" +
        "the indentation does not fit what stands above (DOCUMENT_INVALID)",
    ]);
    expect(summary).toContain("environments/base/host/app.yaml:2:1");
    expect(outputs).toEqual({ state: "invalid" });
  });

  it("fails where a case of the policies does", async () => {
    const workspace = checkout();
    const file = "policies/drift.yaml";
    const text = readFileSync(join(workspace, file), "utf8");
    commit(file, text.replace("severity: high", "severity: medium"), workspace);
    const { code, log } = await run(workspace);
    expect(code).toBe(1);
    expect(log).toContain("failed: fewer than half of the workers is high");
  });
});

describe.skipIf(postgresUnavailable !== undefined)("the example's workflow that looks for drift", () => {
  const run = (address: string) =>
    runSteps(job("drift-detection.yml", "diff"), {
      home,
      values: {
        "vars.TRUEUP_PACKAGE": ROOT,
        "vars.TRUEUP_CONFIG": operator,
        "secrets.TRUEUP_STORE": address,
        "github.token": "gh-t0ken",
      },
    });

  it("is green in sync, red with drift, and writes nothing", async () => {
    const quiet = await run(readOnly);
    expect(quiet.code, quiet.log).toBe(0);
    expect(quiet.outputs).toEqual({ state: "Synced", drift: "false" });

    const file = join(repository, "live/prod/app.env");
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replace("WORKERS=8", "WORKERS=1"));
    const drifted = await run(readOnly);
    expect(drifted.code).toBe(1);
    expect(drifted.log).toContain("::warning title=trueup%3A prod::1 setting has drifted\n");
    expect(drifted.summary).toContain('| host | `/app.env/WORKERS` | modified | `"8"` | `"1"` | high |');
    expect(drifted.outputs).toEqual({ state: "Drifted", drift: "true" });
    expect(readFileSync(file, "utf8")).toContain("WORKERS=1");
    expect(drifted.log).not.toMatch(/postgres:|gh-t0ken/);
    writeFileSync(file, text);
  });

  it("is green where git moved and nobody applied it yet", async () => {
    const before = git(repository, "rev-parse", "HEAD");
    const file = "environments/dev/host/app.yaml";
    commit(file, readFileSync(join(repository, file), "utf8").replace("debug", "trace"));
    const { code, log, outputs } = await run(store);
    expect(code, log).toBe(0);
    expect(outputs).toEqual({ state: "Pending", drift: "false" });
    git(repository, "reset", "--quiet", "--hard", before);
  });

  it("is red where the store cannot be reached, without its password", async () => {
    const { code, log } = await run("postgres://reader:r3ader@127.0.0.1:1/none");
    expect(code).toBe(1);
    expect(log).toMatch(/^::error title=trueup%3A prod::.*\(CONNECTION_FAILED\)/m);
    expect(log).not.toContain("r3ader");
  });
});

describe.skipIf(postgresUnavailable !== undefined)("the example's workflow that promotes", () => {
  const run = (values: Readonly<Record<string, string>>) =>
    runSteps(job("promote.yml", "promote"), {
      home,
      values: {
        "vars.TRUEUP_PACKAGE": ROOT,
        "vars.TRUEUP_CONFIG": operator,
        "secrets.TRUEUP_STORE": store,
        "secrets.TRUEUP_TOKEN || github.token": "gh-t0ken",
        "inputs.to": "",
        "inputs.dry-run": "",
        ...values,
      },
    });
  const REVISION = "inputs.revision || github.event.deployment.sha";
  const FROM = "inputs.from || github.event.deployment.environment";

  it("shows what a promotion would do, and does nothing", async () => {
    commit("environments/base/host/app.env", "LOG_FORMAT=text\nWORKERS=2\nSITE=${site}\n");
    const values = { [FROM]: "dev", "inputs.to": "staging", [REVISION]: "", "inputs.dry-run": "true" };
    const { code, log, summary, outputs } = await run(values);
    expect(code, log).toBe(0);
    expect(outputs).toMatchObject({ state: "waiting", revision: git(repository, "rev-parse", "dev") });
    expect(summary).toContain("**dev → staging**: waiting.");
    expect(summary).toContain('| host | /app.env/LOG_FORMAT | "json" | "text" |');
    const { hops } = answer("promotions", (await cli("promotions", "-o", "json")).stdout);
    expect(hops[0]).toMatchObject({ state: "idle" });
  });

  it("asks for the revision that was deployed, by the name of who did, and opens its pull request", async () => {
    const revision = git(repository, "rev-parse", "dev");
    await cli("sync", "dev");
    const { code, log, outputs } = await run({ [FROM]: "dev", [REVISION]: revision });
    expect(code, log).toBe(0);
    expect(outputs).toMatchObject({ state: "waiting", revision, "pull-request": "branch trueup/promote/staging" });
    expect(git(repository, "log", "-1", "--format=%H", "trueup/promote/staging")).toBe(revision);
    const { hops } = answer("promotions", (await cli("promotions", "-o", "json")).stdout);
    expect(hops[0]).toMatchObject({ from: "dev", to: "staging", state: "waiting", revision, wantedBy: "octocat" });
    // A person merges it.
    expect(git(repository, "rev-parse", "staging")).not.toBe(revision);
  });

  it.each([
    [
      "a commit that the environment does not have",
      { [FROM]: "dev", [REVISION]: "f".repeat(40) },
      "GIT_REVISION_MISSING",
    ],
    ["an environment that trueup.yaml does not name", { [FROM]: "--config=/etc/passwd", [REVISION]: "" }, "USAGE"],
    ["words of a shell", { [FROM]: '"; touch ran; "', [REVISION]: "$(touch ran)" }, "USAGE"],
  ])("is red, and says why: %s", async (_, values, error) => {
    const { code, log, workspace } = await run(values);
    expect(code).toBe(1);
    expect(log).toMatch(new RegExp(`^::error::.*\\(${error}\\)`, "m"));
    expect(() => readFileSync(join(workspace, "ran"))).toThrow();
  });
});

interface Action {
  readonly inputs: Readonly<Record<string, { readonly default?: string; readonly required?: boolean }>>;
  readonly outputs: Readonly<Record<string, { readonly value: string }>>;
  readonly runs: { readonly using: string; readonly steps: Job["steps"] };
}

describe("the action", () => {
  const text = readFileSync(join(ROOT, "action.yml"), "utf8");
  const action = parse(text) as Action;

  /** The built checkout stands for the folder that a runner puts the action into. */
  function use(given: Readonly<Record<string, string>>, options: Partial<RunnerOptions> = {}) {
    const inputs = Object.entries(action.inputs).map(([name, { default: value = "" }]) => [
      `inputs.${name}`,
      given[name] ?? value,
    ]);
    const env = { GITHUB_ACTION_PATH: ROOT, TRUEUP_STORE: store, ...options.env };
    const values = Object.fromEntries(inputs) as Record<string, string>;
    return runSteps(action.runs, { home, workspace: repository, ...options, values, env });
  }

  it("uses each input and tells each output, and lets neither into a script", () => {
    expect(action.runs.using).toBe("composite");
    const used = new Set([...text.matchAll(/\$\{\{ inputs\.([\w-]+) \}\}/g)].map(([, name]) => name));
    expect([...used].sort()).toEqual(Object.keys(action.inputs).sort());
    const page = readFileSync(join(ROOT, "docs/actions.md"), "utf8");
    for (const name of [...used, ...Object.keys(action.outputs)]) expect(page).toContain(`\`${name}\``);
    for (const [name, { value }] of Object.entries(action.outputs))
      expect(value).toBe(`\${{ steps.run.outputs.${name} }}`);
    for (const { run = "", shell, uses } of action.runs.steps) {
      expect(run).not.toContain("${{");
      expect(shell).toBe("bash");
      expect(uses).toBeUndefined();
    }
  });

  it("validates with the environments that it is given", async () => {
    const { code, log, outputs } = await use({ command: "validate", config: "", environments: "dev\r\n  staging" });
    expect(code, log).toBe(0);
    expect(log).toMatch(/dev at .*: valid[^]*staging at .*: valid/);
    expect(log).not.toContain("prod at");
    expect(outputs).toEqual({ state: "valid", "exit-code": "0" });
  });

  it("installs what it is told to", async () => {
    const env = { GITHUB_ACTION_PATH: "/nowhere" };
    const { code, log } = await use({ command: "validate", package: ROOT }, { env });
    expect(code, log).toBe(0);
  });

  it("counts places from the repository's top", async () => {
    const workspace = mkdtempSync(join(home, "below-"));
    git(workspace, "init", "--quiet", "--initial-branch=dev");
    execFileSync("mkdir", ["-p", join(workspace, "conf/environments/dev")]);
    writeFileSync(join(workspace, "conf/environments/dev/environment.yaml"), "targets: { a, b }: [\n");
    git(workspace, "add", ".");
    git(workspace, "commit", "--quiet", "--message", "Break it");
    const config = "repository: { url: ., path: conf }\nenvironments: { dev: {} }\n";
    writeFileSync(join(workspace, "trueup.yaml"), config);
    const { code, log, outputs } = await use({ command: "validate" }, { workspace });
    expect(code).toBe(1);
    expect(outputs).toEqual({ state: "invalid", "exit-code": "1" });
    expect(log).toMatch(
      /^::error title=trueup%3A dev,file=conf\/environments\/dev\/environment.yaml,line=\d+,col=\d+::/m,
    );
  });

  describe.skipIf(postgresUnavailable !== undefined)("with a store", () => {
    it("fails on drift only where it is told to, and always on an error", async () => {
      const file = join(repository, "live/prod/app.yaml");
      const before = readFileSync(file, "utf8");
      writeFileSync(file, before.replace("level: info", "level: '::error::mine'"));
      const told = await use({ command: "diff", environments: "prod" });
      expect(told.code, told.log).toBe(0);
      expect(told.outputs).toEqual({ state: "Drifted", drift: "true", "exit-code": "2" });
      expect(told.summary).toContain("`/app.yaml/logging/level`");
      // What a live system holds is no command to the runner.
      expect(told.log).toMatch(
        /^::stop-commands::(\S+)\n[^]*::error::mine[^]*^::\1::\n::warning title=trueup%3A prod::/m,
      );
      const failed = await use({ command: "diff", environments: "prod", "fail-on-drift": "true" });
      expect(failed.code).toBe(2);
      writeFileSync(file, before);
      const wrong = await use({ command: "diff", environments: "prdo" });
      expect(wrong.code).toBe(1);
      expect(wrong.log).toContain("::error::trueup.yaml names no environment `prdo` (USAGE)%0Adid you mean");
    });

    it("promotes, and reports with a page beside the summary", async () => {
      const promoted = await use({ command: "promote", from: "staging", "dry-run": "true" });
      expect(promoted.code, promoted.log).toBe(0);
      expect(promoted.outputs).toMatchObject({ state: "idle", "exit-code": "0" });
      expect(promoted.summary).toContain("**staging → prod**: idle.");
      const reported = await use({ command: "report", since: "24h", file: "drift.html" });
      expect(reported.code, reported.log).toBe(0);
      expect(reported.summary).toMatch(/^# Drift report\n/);
      expect(readFileSync(join(repository, "drift.html"), "utf8")).toMatch(/^<!doctype html>/);
    });
  });

  it("takes no input for a command, neither of a shell nor of the runner", async () => {
    const evil = "; touch ran; $(touch ran) `touch ran`";
    const inputs = [
      { command: "validate", environments: `dev ${evil} --config=/etc/passwd *` },
      { command: "validate", config: `${evil}\n::error::mine\n##[set-output name=state;]valid` },
      { command: `validate${evil}` },
      { command: "report", since: `1d${evil}` },
    ];
    for (const input of inputs) {
      const { code, log, outputs, workspace } = await use(input);
      expect(code, log).toBe(1);
      expect(log).not.toMatch(/^\s*::error::mine|^(?!::).*##\[/m);
      expect(outputs["state"]).toBeUndefined();
      expect(existsSync(join(workspace, "ran"))).toBe(false);
    }
  });

  it("says which commands it has, and runs no other", async () => {
    const { code, log } = await use({ command: "sync" });
    expect(code).toBe(1);
    expect(log).toContain("::error title=trueup::the input command is validate, diff, promote or report\n");
  });
});
