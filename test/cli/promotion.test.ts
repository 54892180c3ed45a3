import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { ENVIRONMENT_YAML, makeWorld, serverStore, type World } from "../support/cli.js";
import { answer } from "../support/json-shapes.js";

// Each test runs a process a command; a busy machine takes its time.
vi.setConfig({ testTimeout: 180_000 });

const CONFIG = `repository: { url: repo }
environments:
  dev: { connections: { host: { root: live/dev } } }
  prod: { connections: { host: { root: live/prod } } }
`;

/** One world for all that follows, in order: what a person would do in one sitting. */
let world: World;
let store: Awaited<ReturnType<typeof serverStore>>;
beforeAll(async () => {
  store = await serverStore();
  const files = {
    "environments/base/environment.yaml": ENVIRONMENT_YAML,
    "environments/base/host/app.yaml": "level: info\nworkers: 2\n",
    "environments/dev/environment.yaml": "layers: [base]\n",
    "environments/prod/environment.yaml": "layers: [base]\n",
    "policies/promotion.yaml": "order: [dev, prod]\ninto: { prod: { merge: direct, gates: [ { approvals: {} } ] } }\n",
  };
  world = await makeWorld({ config: CONFIG + store.line, files, branches: ["prod"] });
  for (const name of ["dev", "prod"]) world.put(`live/${name}/neighbour.txt`, "not managed\n");
  await world.run(["sync"]);
  await world.commit({ "environments/base/host/app.yaml": "level: debug\nworkers: 2\n" });
});
afterAll(async () => {
  world.remove();
  await store.close();
});

const json = async <Verb extends Parameters<typeof answer>[0]>(verb: Verb, ...rest: string[]) => {
  const ran = await world.run([verb, ...rest, "-o", "json"]);
  return { code: ran.code, stderr: ran.stderr, report: answer(verb, ran.stdout) };
};

describe("promotion on the command line, one after the other", () => {
  it("a dry run shows the gates and what would change, and a dry run decides nothing", async () => {
    const { code, report } = await json("promote", "dev", "--dry-run");
    expect(code).toBe(2);
    expect(report.hop).toMatchObject({
      state: "waiting",
      changes: [{ path: "/app.yaml/level", before: "info", after: "debug" }],
    });
    const shown = await world.run(["promote", "dev", "prod", "--dry-run"]);
    expect(shown.stdout).toMatch(/^dev → prod [0-9a-f]{10}: waiting\n/);
    expect(shown.stdout).toMatch(/synced +pending +dev is not in sync/);
    expect(shown.stdout).toMatch(/next: see what keeps dev: `trueup diff dev`\n/);
    expect(await world.run(["promote", "dev", "--dry-run", "--approve"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("a dry run decides nothing") as string,
    });
  });

  it("waits for its gates, says which, and goes on once they pass", async () => {
    expect((await json("promote", "dev", "prod")).code).toBe(2);
    const { code, report } = await json("promotions");
    expect(code).toBe(0);
    expect(report.hops).toMatchObject([{ from: "dev", to: "prod", state: "waiting" }]);
    // What waits where, since when, on which gate, and what to do about it.
    const shown = (await world.run(["promotions"])).stdout;
    expect(shown).toMatch(
      /dev +prod +[0-9a-f]{10} +waiting +[\d-]+ [\d:]+Z \(.*?\) +2 of 3 gates have not passed; asked for by /,
    );
    expect(shown).toMatch(/\n +synced +pending +[\d-]+ [\d:]+Z \(.*?\) +dev is not in sync[^]*\n +approvals +pending /);
    expect(shown).toMatch(/\ndev → prod, next:\n.*trueup diff dev[^]*--to-revision [0-9a-f]{10} --approve`\n/);
    expect((await world.run(["promotions", "-o", "markdown"])).stdout).toMatch(
      /\| {2}\| {2}\| {2}\| approvals \| pending \|/,
    );
    await world.run(["sync", "dev"]);
    const approved = await json("promote", "dev", "prod", "--approve");
    expect([approved.report.hop.reason, approved.code]).toEqual(["all gates have passed", 0]);
    expect(approved.report.hop).toMatchObject({ state: "promoted", did: "merge" });
    await world.run(["sync", "prod"]);
    expect(world.read("live/prod/app.yaml")).toContain("level: debug");
    expect((await json("promotions")).report.hops).toMatchObject([{ state: "idle", revision: null }]);
  });

  it("compare puts two environments side by side", async () => {
    await world.commit({ "environments/dev/host/app.yaml": "workers: 1\n" });
    const { code, report } = await json("compare", "dev", "prod");
    expect(code).toBe(0);
    const where = { from: "environments/dev/host/app.yaml:1:10", to: "environments/base/host/app.yaml:2:10" };
    expect(report.settings).toEqual([
      { target: "host", path: "/app.yaml/workers", from: 1, to: 2, why: "overlay", where },
    ]);
    const shown = await world.run(["compare", "dev", "prod"]);
    expect(shown.stdout).toMatch(/Different on purpose[^]*workers +1 +2 +environments\/dev\/host\/app\.yaml:1:10, /);
    expect((await world.run(["compare", "dev", "prod", "-o", "markdown"])).stdout).toContain(
      "| host | /app.yaml/workers |",
    );
    expect((await world.run(["compare", "dev", "prdo"])).stderr).toContain('did you mean "prod"?');
  });

  it("rollback shows, and then makes a new commit", async () => {
    const branch = await world.repository.git("rev-list", "--max-parents=0", "prod");
    const dry = await json("rollback", "prod", "--to", branch, "--dry-run");
    expect(dry.report).toMatchObject({
      commit: null,
      changes: [{ path: "/app.yaml/level", before: "debug", after: "info" }],
    });
    const { code, report } = await json("rollback", "prod", "--to", branch, "--because", "INC-5");
    expect(code).toBe(0);
    expect(await world.repository.git("rev-parse", "prod")).toBe(report.commit);
    expect(await world.repository.git("log", "-1", "--format=%B", "prod")).toContain("Because: INC-5");
    await world.run(["sync", "prod"]);
    expect(world.read("live/prod/app.yaml")).toContain("level: info");
  });

  it("history --revisions says how each revision came there, and who let it through", async () => {
    const ran = await world.run(["history", "prod", "--revisions", "-o", "json"]);
    const [prod] = answer("history --revisions", ran.stdout).environments;
    expect(prod?.revisions.map(({ came, outcome }) => [came, outcome])).toEqual([
      ["rolled-back", "in-sync"],
      ["promoted", "in-sync"],
      ["merged", "in-sync"],
    ]);
    const { stdout } = await world.run(["history", "prod", "--revisions"]);
    expect(stdout).toMatch(/^prod follows [0-9a-f]{10}\n +WHEN +REVISION +STATE/);
    expect(stdout).toMatch(/in sync .*, followed now +rolled back to [0-9a-f]{10} by .+ because: INC-5/);
    expect(stdout).toMatch(/promoted from dev, asked for by .+ approvals: approved by /);
  });

  it("says what is wrong with the words", async () => {
    expect((await world.run(["promote", "dv"])).stderr).toContain('did you mean "dev"?');
    expect((await world.run(["promote", "prod", "dev"])).stderr).toMatch(/hint: /);
    expect((await world.run(["promote", "dev", "--waive", "approvals"])).stderr).toContain(
      "a gate is waived for a reason",
    );
    expect((await world.run(["rollback", "prod/host"])).stderr).toContain("a whole environment is rolled back");
  });
});
