import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Forge, RevisionForge } from "../../../src/forges/forge.js";
import { openGitHub } from "../../../src/forges/github/index.js";
import { githubWorld, type GitHubWorld, tokens } from "../../support/github.js";

const { signal } = new AbortController();
const API = "/repos/acme/environments";
const COMMIT = "6dcb09b5b57875f334f61aebed695e2e4193db5e";

describe("what GitHub knows of commits", () => {
  let github: GitHubWorld;
  let forge: Forge;
  let revisions: RevisionForge;

  beforeAll(async () => {
    github = await githubWorld();
    const identity = { app: github.app };
    forge = await openGitHub({ repository: "acme/environments", identity, baseUrl: github.url, pace: "none" });
    if (forge.revisions === undefined) throw new Error("GitHub keeps nothing about commits");
    revisions = forge.revisions;
  });
  afterEach(() => {
    expect(github.violations.splice(0)).toEqual([]);
    expect(github.instead.splice(0)).toEqual([]);
    github.asked.length = 0;
  });
  afterAll(() => github.close());

  const post = (path: string, body: object) => github.as(tokens.owner, "POST", `${API}/${path}`, body);
  const get = async (path: string) => (await github.as(tokens.owner, "GET", `${API}/${path}`)).data as object[];

  describe("approvals", () => {
    let number: number;
    let commit: string;
    beforeAll(async () => {
      const request = { head: "trueup/promote/prod", base: "main", title: "t", body: "", labels: [], reviewers: [] };
      ({ number } = await forge.open(request, signal));
      const { data } = await github.as(tokens.owner, "GET", `${API}/pulls/${number}`);
      commit = (data as { head: { sha: string } }).head.sha;
    });
    const review = async (event: string, token = tokens.owner, at = commit) => {
      const { data } = await github.as(token, "POST", `${API}/pulls/${number}/reviews`, { event, commit_id: at });
      return (data as { id: number }).id;
    };
    const approvers = async (teams: readonly string[] = []) => revisions.approvals(number, { commit, teams }, signal);
    const logins = async () => (await approvers()).approvers.map(({ login }) => login);

    it("count by the newest word of each, at that commit", async () => {
      expect(await logins()).toEqual([]);
      await review("APPROVE", tokens.owner, COMMIT);
      expect(await logins()).toEqual([]);
      await review("APPROVE");
      await review("COMMENT");
      expect(await logins()).toEqual(["acme"]);
      const other = await revisions.approvals(number, { commit: COMMIT, teams: [] }, signal);
      expect(other.approvers).toEqual([]);
      await review("REQUEST_CHANGES");
      expect(await logins()).toEqual([]);
      const id = await review("APPROVE");
      await github.as(tokens.owner, "PUT", `${API}/pulls/${number}/reviews/${id}/dismissals`, { message: "no" });
      expect(await logins()).toEqual([]);
      await review("APPROVE");
      expect(await logins()).toEqual(["acme"]);
    });

    it("are of people who may write, and never of whoever opened it", async () => {
      await review("APPROVE", tokens.stranger);
      expect(await logins()).toEqual(["acme"]);
      const own = { head: "trueup/promote/dev", base: "main", title: "t", body: "", labels: [], reviewers: [] };
      const identity = { token: tokens.owner };
      const asOwner = await openGitHub({
        repository: "acme/environments",
        identity,
        baseUrl: github.url,
        pace: "none",
      });
      const opened = await asOwner.open(own, signal);
      const path = `${API}/pulls/${opened.number}`;
      const { data } = await github.as(tokens.owner, "GET", path);
      const { sha } = (data as { head: { sha: string } }).head;
      await github.as(tokens.owner, "POST", `${path}/reviews`, { event: "APPROVE" });
      expect(await revisions.approvals(opened.number, { commit: sha, teams: [] }, signal)).toEqual({
        approvers: [],
        unknown: [],
      });
    });

    it("are of teams, whose members are asked for once; of one that is not shown, that is said", async () => {
      await github.as(tokens.owner, "POST", "/orgs/guild/teams", { name: "ops" });
      const joined = await github.as(tokens.owner, "PUT", "/orgs/guild/teams/ops/memberships/acme", {});
      expect(joined.status).toBe(200);
      const teams = ["guild/ops", "guild/hidden"];
      const expected = {
        approvers: [{ login: "acme", teams: ["guild/ops"] }],
        unknown: ["GitHub does not show Trueup who is in @guild/hidden"],
      };
      expect(await approvers(teams)).toEqual(expected);
      expect(await approvers(teams)).toEqual(expected);
      expect(github.asked.filter((each) => each.includes("/teams/"))).toEqual([
        "GET /orgs/guild/teams/ops/members",
        "GET /orgs/guild/teams/hidden/members",
      ]);
    });
  });

  describe("checks", () => {
    it("are runs and statuses, by the newest of a name, over all pages", async () => {
      expect(await revisions.checks(COMMIT, signal)).toEqual(new Map());
      const run = (name: string, known: object) => post("check-runs", { name, head_sha: COMMIT, ...known });
      const completed = (conclusion: string) => ({ status: "completed", conclusion });
      const status = (context: string, state: string) => post(`statuses/${COMMIT}`, { context, state });
      await run("build", completed("failure"));
      await run("build", completed("success"));
      await run("again", completed("success"));
      await run("again", { status: "queued", conclusion: null, started_at: null });
      for (const conclusion of ["neutral", "skipped", "timed_out", "cancelled", "action_required"]) {
        await run(conclusion, completed(conclusion));
      }
      await status("jenkins", "success");
      for (let count = 0; count < 100; count += 1) await status(`of many ${count}`, "pending");
      await status("lint", "pending");
      await status("lint", "error");
      // As a status while it waited, as a run since.
      await status("both", "pending");
      await run("both", completed("success"));
      const known = await revisions.checks(COMMIT, signal);
      const names = ["build", "again", "neutral", "skipped", "timed_out", "cancelled", "action_required"];
      const said = [...names, "jenkins", "of many 0", "lint", "both", "none"].map((name) => known.get(name));
      expect(said).toEqual([
        ...["passed", "pending", "passed", "passed", "failed", "failed", "failed"],
        ...["passed", "pending", "failed", "passed", undefined],
      ]);
    });
  });

  it("asks with the last answer's tag, so that an idle cycle costs nothing of the rate limit", async () => {
    const etag = (tag: string) => ({ etag: `"${tag}"` });
    const pull = { head: { sha: COMMIT }, user: { login: "acme" } };
    const review = { user: { login: "ann" }, state: "APPROVED", commit_id: COMMIT };
    github.instead.push({ status: 200, headers: etag("a"), body: pull });
    github.instead.push({ status: 200, headers: etag("b"), body: [review] });
    const permission = { status: 200, body: { permission: "write" } };
    github.instead.push(permission, { status: 304 }, { status: 304 }, permission);
    const approvals = () => revisions.approvals(7, { commit: COMMIT, teams: [] }, signal);
    const expected = await approvals();
    expect(expected.approvers).toEqual([{ login: "ann", teams: [] }]);
    expect(await approvals()).toEqual(expected);
  });

  it("statuses are put, cut to what GitHub takes", async () => {
    const status = { context: "trueup/prod", state: "pending", description: "x".repeat(200) } as const;
    await revisions.status("0123456789012345678901234567890123456789", status, signal);
    const [told] = (await get("commits/0123456789012345678901234567890123456789/statuses")) as {
      description: string;
    }[];
    expect(told).toMatchObject({ context: "trueup/prod", state: "pending" });
    expect(told?.description).toBe(`${"x".repeat(139)}…`);
  });

  describe("deployments", () => {
    const put = (state: "in_progress" | "success" | "failure", environment = "prod") =>
      revisions.deployment({ environment, commit: COMMIT, state }, signal);
    const states = async (environment: string) => {
      const found = (await get(`deployments?environment=${environment}`)) as { id: number }[];
      const all = found.map(({ id }) => get(`deployments/${id}/statuses`) as Promise<{ state: string }[]>);
      return (await Promise.all(all)).map((one) => one.map(({ state }) => state).toReversed());
    };

    it("are one for each environment and commit, whose state does not go back", async () => {
      await put("in_progress");
      await put("in_progress");
      await put("failure");
      await put("success");
      await put("in_progress");
      expect(await states("prod")).toEqual([["in_progress", "failure", "success"]]);
    });

    it("are not made twice where an answer was lost, and those of a workflow are left alone", async () => {
      await post("deployments", { ref: COMMIT, environment: "dev", required_contexts: [] });
      github.faults.push({ at: /^POST .*\/deployments$/, how: "lost" });
      await expect(put("in_progress", "dev")).rejects.toMatchObject({ code: "DELIVERY_FAILED" });
      await put("in_progress", "dev");
      expect(await states("dev")).toEqual([["in_progress"], []]);
    });
  });

  it.each([
    [405, "Pull Request is not mergeable", "Pull Request is not mergeable"],
    [403, "Resource not accessible by integration", "Resource not accessible by integration"],
  ])("a merge that is refused (%s) is an answer, not an error", async (status, message, refused) => {
    github.instead.push({ status, body: { message } });
    const answer = await revisions.merge(7, COMMIT, signal);
    expect(answer.refused).toContain(refused);
    expect(github.asked).toEqual([`PUT ${API}/pulls/7/merge`]);
  });

  it("a merge whose answer is lost, or that GitHub has no time for, is an error that may pass, and not asked again", async () => {
    github.instead.push({ status: 502 });
    await expect(revisions.merge(7, COMMIT, signal)).rejects.toMatchObject({ code: "DELIVERY_FAILED" });
    const message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    github.instead.push({ status: 403, headers: { "retry-after": "3600" }, body: { message } });
    await expect(revisions.merge(7, COMMIT, signal)).rejects.toMatchObject({ retryAfter: 3_600_000 });
    expect(github.asked).toHaveLength(2);
  });
});
