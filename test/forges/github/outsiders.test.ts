import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Forge } from "../../../src/forges/forge.js";
import { openGitHub } from "../../../src/forges/github/index.js";
import { githubWorld, type GitHubWorld, tokens } from "../../support/github.js";

const HEAD = "trueup/drift/prod/host";
const { signal } = new AbortController();

describe("outsiders on a GitHub Enterprise Server", () => {
  let github: GitHubWorld;
  let repository: string;
  let forge: Forge;

  beforeAll(async () => {
    github = await githubWorld();
    repository = await github.repository();
    const identity = { token: tokens.bot };
    forge = await openGitHub({ repository, identity, baseUrl: `${github.url}/api/v3`, pace: "none" });
  });
  afterEach(() => {
    expect(github.violations.splice(0)).toEqual([]);
    expect(github.asked.splice(0).filter((each) => !/^[A-Z]+ \/api\/v3\/repos\//.test(each))).toEqual([]);
  });
  afterAll(() => github.close());

  const as = async (token: string, method: string, path: string, body?: unknown) => {
    const { status, data } = await github.as(token, method, `/repos/${path}`, body);
    expect({ path, status }).toEqual({ path, status: expect.toBeOneOf([200, 201, 202]) as number });
    return data as { number: number; html_url: string; full_name: string; object: { sha: string } };
  };

  it("cannot put a fork's pull request in our place, nor keep us from opening ours", async () => {
    const fork = await as(tokens.stranger, "POST", `${repository}/forks`, {});
    const main = await as(tokens.stranger, "GET", `${fork.full_name}/git/ref/heads/main`);
    const ref = { ref: `refs/heads/${HEAD}`, sha: main.object.sha };
    await as(tokens.stranger, "POST", `${fork.full_name}/git/refs`, ref);
    const theirs = { title: "Drift in prod/host", head: `mallory:${HEAD}`, base: "prod" };
    const foreign = await as(tokens.stranger, "POST", `${repository}/pulls`, theirs);
    expect(await forge.find(HEAD, signal)).toBeUndefined();
    const request = { head: HEAD, base: "prod", title: "drift", body: "", labels: [], reviewers: [] };
    const own = await forge.open(request, signal);
    expect(own.number).not.toBe(foreign.number);
    // The page for people is what GitHub says, not made of the interface's address.
    const { html_url } = await as(tokens.owner, "GET", `${repository}/pulls/${own.number}`);
    expect(own.url).toBe(html_url);
    expect(own.url).toBe(`${github.url}/${repository}/pull/${own.number}`);
    // Whatever becomes of theirs.
    await as(tokens.stranger, "PATCH", `${repository}/pulls/${foreign.number}`, { state: "closed" });
    expect(await forge.find(HEAD, signal)).toEqual(own);
  });

  it("cannot command, nor can people who may only read; who may write can", async () => {
    const { number = 0 } = (await forge.find(HEAD, signal)) ?? {};
    const heard = async () => (await forge.commands?.(number, "2020-01-01T00:00:00Z", signal))?.map(({ text }) => text);
    const say = (token: string, body: string) => as(token, "POST", `${repository}/issues/${number}/comments`, { body });
    await say(tokens.stranger, "/trueup revert");
    expect(await heard()).toEqual([]);
    const invite = (permission: string) =>
      as(tokens.owner, "PUT", `${repository}/collaborators/mallory`, { permission });
    await invite("pull");
    await say(tokens.stranger, "/trueup hold 4h because INC-1");
    expect(await heard()).toEqual([]);
    await say(tokens.owner, "/trueup explain");
    expect(await heard()).toEqual(["explain"]);
  });
});
