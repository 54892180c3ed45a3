import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { promote } from "../../src/operations/promote.js";
import type { HopReport } from "../../src/promotion/report.js";
import { tendMemory, tendPromotions, type TendMemory } from "../../src/promotion/tend.js";
import type { Session } from "../../src/reconcile/session.js";
import { githubWorld, type GitHubWorld, tokens } from "../support/github.js";
import { postgresUnavailable, startPostgres } from "../support/postgres.js";
import { cycle, eventList, makeWorld, type World } from "../support/world.js";

const ENVIRONMENTS = ["dev", "prod"] as const;
const HEAD = "trueup/promote/prod";

// Octokit lets a second go by between two writes.
vi.setConfig({ testTimeout: 120_000 });

let server: Awaited<ReturnType<typeof startPostgres>> | undefined;
let github: GitHubWorld;
beforeAll(async () => {
  [github, server] = await Promise.all([
    githubWorld(),
    postgresUnavailable === undefined ? startPostgres() : Promise.resolve(undefined),
  ]);
});
afterAll(() => Promise.all([github.close(), server?.close()]));

describe("promotion on GitHub", () => {
  let world: World;
  let session: Session;
  let memory: TendMemory;
  let repository: string;

  beforeEach(async () => {
    repository = await github.repository();
    const store = await server?.newDatabase();
    const options = { environments: ENVIRONMENTS, ...(store === undefined ? {} : { store }) };
    world = await makeWorld(options);
    const { url } = github.serve(repository, world.repository.folder);
    // As an App: whoever merges and approves is somebody else.
    const forge = { kind: "github", repository, app: github.app, url: `${github.url}/api/v3` };
    world.configure({ ...options, url, forge });
    memory = tendMemory();
  });
  afterEach(async () => {
    await world.close();
    expect(github.violations.splice(0)).toEqual([]);
    github.asked.length = 0;
  });

  /** Both environments at the same commit, in sync, with these gates of prod. */
  async function begin(prod: string): Promise<void> {
    const first = await world.commit(
      {
        "environments/base/environment.yaml": "targets:\n  host: { kind: files, connection: host }\n",
        "environments/base/host/app.yaml": "pool: 1\n",
        ...Object.fromEntries(
          ENVIRONMENTS.map((name) => [`environments/${name}/environment.yaml`, "layers: [base]\n"]),
        ),
        "policies/promotion.yaml": `order: [dev, prod]\ninto: { prod: ${prod} }\n`,
      },
      { branch: "dev" },
    );
    await world.repository.git("branch", "prod", first);
    session = world.open();
    for (const name of ENVIRONMENTS) await cycle(session, name);
  }

  const set = (pool: number, branch = "dev"): Promise<string> =>
    world.commit({ "environments/base/host/app.yaml": `pool: ${pool}\n` }, { branch });
  const live = (): string => readFileSync(join(world.root("prod"), "app.yaml"), "utf8");
  const tip = (branch: string): Promise<string> => world.repository.git("rev-parse", branch);

  async function pass(): Promise<HopReport | undefined> {
    for (const name of ENVIRONMENTS) await cycle(session, name);
    return (await tendPromotions(session, memory, session.stop)).find(({ to }) => to === "prod");
  }

  const api = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const { status, data } = await github.as(tokens.owner, method, `/repos/${repository}/${path}`, body);
    expect({ path, status }).toEqual({ path, status: expect.toBeOneOf([200, 201]) as number });
    return data as T;
  };
  const statuses = async (commit: string): Promise<string[]> =>
    (await api<{ context: string; state: string; description: string }[]>("GET", `commits/${commit}/statuses`))
      .map(({ context, state, description }) => `${context} ${state}: ${description}`)
      .toReversed();
  const deployments = async (environment: string): Promise<string[]> => {
    const found = await api<{ id: number; sha: string }[]>("GET", `deployments?environment=${environment}`);
    const told = found.map(async ({ id, sha }) => {
      const states = await api<{ state: string }[]>("GET", `deployments/${id}/statuses`);
      return `${sha} ${states.map(({ state }) => state).join(" < ")}`;
    });
    return Promise.all(told);
  };
  const waits = async (): Promise<string[]> =>
    (await eventList(session, "prod")).flatMap(({ type, message }) => (type === "promotion-waits" ? [message] : []));

  it("is merged once a review approves its very head; another revision needs another", async () => {
    await begin("{ auto: true, gates: [ { approvals: { by: [acme, mallory, nobody-there, '@acme/ops'] } } ] }");
    const first = await set(2);
    const opened = await pass();
    expect(opened).toMatchObject({
      state: "waiting",
      did: "open",
      pullRequest: { number: expect.any(Number) as number },
    });
    const number = opened?.pullRequest?.number ?? 0;
    // Those for whose word it waits are asked; who may not review keeps nobody from being asked.
    const pull = await api<{ requested_reviewers: { login: string }[] }>("GET", `pulls/${number}`);
    expect(pull.requested_reviewers.map(({ login }) => login).sort()).toEqual(["acme", "mallory"]);
    const review = (event: string) => api("POST", `pulls/${number}/reviews`, { event, body: "so" });
    await review("APPROVE");
    const second = await set(3);
    // It approved what is not there any more.
    expect((await pass())?.reason).toContain(
      "approved by nobody yet; 1 more of acme, mallory, nobody-there, @acme/ops needed",
    );
    expect(await tip(HEAD)).toBe(second);
    expect(await statuses(first)).toEqual(["trueup/prod pending: pending: approvals; passed: synced, validation"]);
    await review("APPROVE");
    await review("REQUEST_CHANGES");
    await review("COMMENT");
    expect((await pass())?.state).toBe("waiting");
    await review("APPROVE");
    expect(await pass()).toMatchObject({ state: "promoted", did: "merge" });
    expect(await tip("prod")).toBe(second);
    expect(await statuses(second)).toEqual([
      "trueup/prod pending: pending: approvals; passed: synced, validation",
      "trueup/prod success: passed: synced, approvals, validation",
    ]);
    await pass();
    expect(live()).toBe("pool: 3\n");
    // As often as it is looked at, and by whoever began anew: one of each environment and revision.
    memory = tendMemory();
    github.asked.length = 0;
    for (let count = 0; count < 2; count += 1) await pass();
    expect(github.asked.filter((each) => each.startsWith("POST") && /(statuses|deployments)/.test(each))).toEqual([]);
    const [now = "", ...earlier] = await deployments("prod");
    expect(now).toMatch(new RegExp(`^${second} success`));
    expect(earlier).toHaveLength(1);
    // Found to fail as it was rolled out, whatever its targets say.
    const failed = { revision: second, reason: "no answer" };
    await (await session.store()).rollouts.save("prod", { rollout: "{}", failed, events: [] });
    await tendPromotions(session, memory, session.stop);
    expect((await deployments("prod"))[0]).toMatch(new RegExp(`^${second} failure`));
  });

  it("waits for checks of the commit by name, and knows the newest of each", async () => {
    await begin("{ auto: true, merge: direct, gates: [ { checks: [build, lint] } ] }");
    const revision = await set(2);
    expect((await pass())?.reason).toContain("waits for build, lint");
    const run = (conclusion: string) =>
      api("POST", "check-runs", { name: "build", head_sha: revision, status: "completed", conclusion });
    await run("failure");
    await api("POST", `statuses/${revision}`, { context: "lint", state: "success" });
    expect((await pass())?.reason).toContain("build failed");
    await run("neutral");
    expect(await pass()).toMatchObject({ state: "promoted" });
    expect(await tip("prod")).toBe(revision);
    expect((await statuses(revision)).filter((each) => each.startsWith("trueup/prod"))).toEqual([
      "trueup/prod pending: pending: checks; passed: synced, validation",
      "trueup/prod failure: failed: checks; passed: synced, validation",
      "trueup/prod success: passed: synced, checks, validation",
    ]);
  });

  it("merges there where the branch takes pull requests only, by the status that it asks for", async () => {
    await begin("{ auto: true }");
    github.protect(repository, "prod", ["trueup/prod", "review"]);
    // A hotfix: what is to arrive is a merge of Trueup's, not the revision itself.
    await world.commit({ "environments/prod/host/app.yaml": "only: prod\n" }, { branch: "prod" });
    const revision = await set(2);
    expect(await pass()).toMatchObject({ state: "waiting", did: "open" });
    const refused = await pass();
    expect(refused).toMatchObject({ state: "waiting" });
    expect(refused?.reason).toContain('it is not let in: Required status check "review" is expected.');
    for (let count = 0; count < 2; count += 1) await pass();
    expect((await waits()).filter((each) => each.includes("not let in"))).toHaveLength(1);
    const head = await tip(HEAD);
    expect(await statuses(head)).toEqual(["trueup/prod success: passed: synced, validation"]);
    await api("POST", `statuses/${head}`, { context: "review", state: "success" });
    const before = await tip("prod");
    expect(await pass()).toMatchObject({ state: "promoted" });
    expect(await world.repository.git("log", "-1", "--format=%P", "prod")).toBe(`${before} ${head}`);
    expect(await pass()).toMatchObject({ state: "promoted" });
    expect(await pass()).toMatchObject({ state: "idle" });
    expect(live()).toBe("pool: 2\nonly: prod\n");
    const arrived = (await eventList(session, "prod")).filter(({ type }) => type === "promoted");
    expect(arrived.map(({ revision: of }) => of)).toEqual([revision]);
    await expect(tip(HEAD)).rejects.toThrow();
  });

  it("says on what is proposed already that it is blocked", async () => {
    await begin("{ auto: true, gates: [ { approvals: {} } ] }");
    const revision = await set(2);
    await pass();
    const hotfix = await set(9, "prod");
    expect(await pass()).toMatchObject({ state: "blocked" });
    await pass();
    const [, blocked, ...more] = await statuses(revision);
    expect(blocked).toMatch(/^trueup\/prod failure: blocked: both changed environments\/base\/host\/app.yaml/);
    expect(blocked).toContain(hotfix.slice(0, 10));
    expect(more).toEqual([]);
  });

  it("goes on where GitHub takes neither statuses nor deployments, and says so once", async () => {
    await begin("{ auto: true, merge: direct }");
    world.logged.length = 0;
    const context = { signal: session.stop, progress: () => undefined };
    const revision = await set(2);
    for (const name of ENVIRONMENTS) await cycle(session, name);
    github.instead.push({ status: 403, body: { message: "Resource not accessible by integration" } });
    const args = { from: "dev", to: "prod", dryRun: false, merge: false, approve: false, waive: [], by: "ann" };
    const { hop } = await promote.run(session, args, context);
    expect(hop).toMatchObject({ state: "promoted", revision });
    expect(world.logged.map(({ fields, message }) => [fields["event"], message])).toContainEqual([
      "commit-status",
      expect.stringContaining("GitHub refuses (403): Resource not accessible by integration") as string,
    ]);
    github.instead.push({ status: 403, body: { message: "Resource not accessible by integration" } });
    for (let count = 0; count < 2; count += 1) await pass();
    const refusals = world.logged.filter(({ fields }) => fields["event"] === "deployment");
    expect(refusals).toHaveLength(1);
    expect(live()).toBe("pool: 2\n");
  });

  it("waits where its pull request is turned to another branch, and is declined where it was merged there", async () => {
    await begin("{ auto: true, gates: [ { approvals: {} } ] }");
    const revision = await set(2);
    const number = (await pass())?.pullRequest?.number ?? 0;
    await world.repository.git("branch", "other", "prod");
    await api("PATCH", `pulls/${number}`, { base: "other" });
    const turned = await pass();
    expect(turned).toMatchObject({ state: "blocked", revision });
    expect(turned?.reason).toMatch(/pull\/\d+ is to be merged into other: turn it to prod again, or close it$/);
    await github.merge(repository, number);
    const declined = await pass();
    expect(declined).toMatchObject({ state: "declined" });
    expect(declined?.reason).toMatch(/^acme merged .*pull\/\d+ into other, not into prod$/);
    const next = await set(3);
    const opened = await pass();
    expect(opened).toMatchObject({ state: "waiting", did: "open", revision: next });
    // Merged, and taken back before anybody looked.
    const before = await tip("prod");
    await github.merge(repository, opened?.pullRequest?.number ?? 0);
    await world.repository.git("update-ref", "refs/heads/prod", before);
    expect(await pass()).toMatchObject({
      state: "declined",
      reason: expect.stringMatching(/^acme merged .*pull\/\d+, but prod has it no more$/) as string,
    });
    expect(await tip("prod")).toBe(before);
  });

  it("offers a hotfix back, shows what that changes for the first environment, and ends as it is merged", async () => {
    await begin("{ auto: true, merge: direct }");
    await world.commit({ "environments/base/host/app.yaml": "pool: 7\npassword: s3cret\n" }, { branch: "prod" });
    await pass();
    const [pull, ...others] = await api<{ number: number; title: string; body: string; base: { ref: string } }[]>(
      "GET",
      "pulls?state=open",
    );
    expect(others).toEqual([]);
    expect(pull).toMatchObject({ title: "Bring a hotfix of prod back to dev", base: { ref: "dev" } });
    expect(pull?.body).toContain("### What changes for <code>dev</code>");
    expect(pull?.body).toContain(
      "| <code>host</code> | <code>/app.yaml/pool</code> | <code>1</code> | <code>7</code> |",
    );
    expect(pull?.body).toMatch(/<code>\/app\.yaml\/password<\/code> \| \*absent\* \| .*sensitive [0-9a-f]{8}/);
    expect(pull?.body).not.toContain("s3cret");
    await github.merge(repository, pull?.number ?? 0);
    for (let count = 0; count < 2; count += 1) await pass();
    expect(readFileSync(join(world.root("dev"), "app.yaml"), "utf8")).toContain("pool: 7");
    const told = (await eventList(session, "prod")).map(({ type }) => type);
    expect(told.filter((type) => type.startsWith("backport"))).toEqual(["backport-proposed", "backport-over"]);
    await expect(tip("trueup/backport/prod")).rejects.toThrow();
  });
});
