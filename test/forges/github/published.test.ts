import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Forge } from "../../../src/forges/forge.js";
import { openGitHub } from "../../../src/forges/github/index.js";
import { deviationsOf, exampleOf, operationOf, operations, violationsOf } from "../../support/github-openapi.js";

const REPOSITORY = "octocat/Hello-World";
/** The branch of GitHub's example. */
const HEAD = "new-topic";
const { signal } = new AbortController();
const PULLS = `GET /repos/${REPOSITORY}/pulls`;

/** What GitHub's own examples leave out of what its description requires. */
const OF_GITHUB = [
  /requested_teams\/N must have required property 'type'$/,
  /user must have required property 'role_name'$/,
];

describe("GitHub's published examples", () => {
  /** By `METHOD path`: makes another answer of the example. */
  const changes = new Map<string, (example: never) => unknown>();
  const violations: string[] = [];
  const asked: string[] = [];
  const bodies: string[] = [];
  let forge: Forge;
  const server = createServer((incoming, outgoing) => void answer(incoming, outgoing));

  async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = "", url = "" } = incoming;
    let body = "";
    for await (const chunk of incoming) body += String(chunk);
    const path = url.split("?")[0] ?? "";
    violations.push(...violationsOf({ method, url, body }));
    if (body !== "") bodies.push(body);
    asked.push(`${method} ${path}`);
    const operation = operationOf(method, path);
    if (operation === undefined) return void outgoing.writeHead(404).end();
    const data = (changes.get(`${method} ${path}`) ?? ((example) => example))(exampleOf(operation) as never);
    outgoing
      .writeHead(operation.status, { "content-type": "application/json; charset=utf-8" })
      .end(JSON.stringify(data));
  }

  beforeAll(async () => {
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address() as AddressInfo;
    forge = await openGitHub({
      ...{ repository: REPOSITORY, identity: { token: "ghp_x" } },
      baseUrl: `http://127.0.0.1:${port}`,
      pace: "none",
    });
  });
  afterEach(() => {
    changes.clear();
    asked.length = 0;
    bodies.length = 0;
    expect(violations.splice(0)).toEqual([]);
  });
  afterAll(() => server.close());

  const SHOWN = {
    number: 1347,
    url: `https://github.com/${REPOSITORY}/pull/1347`,
    title: "Amazing new feature",
    body: "Please pull these awesome changes in!",
    base: "master",
  };
  const closed =
    (merged_at: string | null) =>
    ([pull]: readonly object[]) => [{ ...pull, state: "closed", merged_at }];

  it.each(operations)("fit GitHub's own description, but for what we know of: $method $path", (operation) => {
    const wrong = deviationsOf(operation, { status: operation.status, data: exampleOf(operation) });
    expect(wrong.filter((each) => !OF_GITHUB.some((known) => known.test(each)))).toEqual([]);
  });

  it("are read: an open pull request", async () => {
    expect(await forge.find(HEAD, signal)).toEqual({ ...SHOWN, state: "open" });
  });

  it("are read: who merged one", async () => {
    changes.set(PULLS, closed("2011-01-26T19:01:12Z"));
    expect(await forge.find(HEAD, signal)).toEqual({ ...SHOWN, state: "merged", decidedBy: "octocat" });
    expect(asked).toEqual([PULLS, `${PULLS}/1347`]);
  });

  it("are read: who closed one, which GitHub says of the issue that it is", async () => {
    changes.set(PULLS, closed(null));
    expect(await forge.find(HEAD, signal)).toEqual({ ...SHOWN, state: "closed", decidedBy: "octocat" });
    expect(asked).toEqual([PULLS, `GET /repos/${REPOSITORY}/issues/1347`]);
    const issue = operationOf("GET", `/repos/${REPOSITORY}/issues/1347`);
    expect(issue && exampleOf(issue)).toMatchObject({ pull_request: {}, closed_by: { login: "octocat" } });
  });

  it("are read: one that is opened, labelled and given reviewers, updated, commented on and closed", async () => {
    changes.set(PULLS, () => []);
    const request = { head: HEAD, base: "master", title: "t", body: "b", labels: ["drift"], reviewers: ["octocat"] };
    const opened = await forge.open(request, signal);
    expect(opened).toEqual({ ...SHOWN, state: "open" });
    const content = { title: "t", body: "b", labels: ["drift"] };
    await forge.update(opened.number, { content, comment: "gone", close: true }, signal);
    const api = `/repos/${REPOSITORY}`;
    expect(asked).toEqual([
      `GET ${api}/pulls`,
      `POST ${api}/pulls`,
      `PUT ${api}/issues/1347/labels`,
      `POST ${api}/pulls/1347/requested_reviewers`,
      `PATCH ${api}/pulls/1347`,
      `PUT ${api}/issues/1347/labels`,
      `POST ${api}/issues/1347/comments`,
      `PATCH ${api}/pulls/1347`,
    ]);
  });

  const API = `/repos/${REPOSITORY}`;
  /** Of the examples of a pull request. */
  const COMMIT = "6dcb09b5b57875f334f61aebed695e2e4193db5e";

  it("are read: who approves one, of teams", async () => {
    changes.set(`GET ${API}/pulls/1347/reviews`, ([review]: readonly { user: object }[]) => [
      { ...review, commit_id: COMMIT },
      { ...review, commit_id: COMMIT, user: { ...review?.user, login: "hubot" } },
      { ...review, commit_id: COMMIT, user: null },
    ]);
    changes.set("GET /orgs/github/teams/justice-league/members", ([member]: readonly object[]) => [
      { ...member, login: "Hubot" },
    ]);
    const asked = { commit: COMMIT, teams: ["github/justice-league"] };
    // Octocat opened it.
    expect(await forge.revisions?.approvals(1347, asked, signal)).toEqual({
      approvers: [{ login: "hubot", teams: asked.teams }],
      unknown: [],
    });
  });

  it("are read: the checks of a commit", async () => {
    expect(await forge.revisions?.checks(COMMIT, signal)).toEqual(
      new Map([
        ["mighty_readme", "passed"],
        ["continuous-integration/jenkins", "passed"],
      ]),
    );
  });

  it("are read: everybody's pull requests, a fork's by whose it is", async () => {
    changes.set(PULLS, ([pull]: readonly { head: { repo: object } }[]) => [
      pull,
      { ...pull, number: 2, head: { ...pull?.head, repo: { ...pull?.head.repo, full_name: "hubot/Hello-World" } } },
      { ...pull, number: 3, head: { ...pull?.head, repo: null } },
    ]);
    const known = { base: "master", commit: COMMIT };
    expect(await forge.conversations?.open(signal)).toEqual([
      { ...known, number: 1347, ref: "refs/pull/1347/head", branch: HEAD },
      { ...known, number: 2, ref: "refs/pull/2/head", forkedBy: "octocat" },
      { ...known, number: 3, ref: "refs/pull/3/head" },
    ]);
  });

  it("are read: a comment of Trueup's own, and a status", async () => {
    const said = { kind: "preview", text: "so", add: true };
    const comments = `GET ${API}/issues/1347/comments`;
    await forge.conversations?.say(1347, said, signal);
    expect(asked.splice(0)).toEqual([`GET /user`, comments, `POST ${API}/issues/1347/comments`]);
    // Octocat asks, by the example of a token's own user; hubot has copied the mark.
    const body = "as before\n\n<!-- trueup:preview -->";
    changes.set(comments, ([one]: readonly { user: object }[]) => [
      { ...one, id: 5, body, user: { ...one?.user, login: "hubot" } },
      { ...one, id: 7, body },
    ]);
    await forge.conversations?.say(1347, { ...said, add: false }, signal);
    expect(asked.splice(0)).toEqual([comments, `PATCH ${API}/issues/comments/7`]);
    await forge.conversations?.say(1347, { ...said, text: "as before" }, signal);
    expect(asked.splice(0)).toEqual([comments]);
    const context = "continuous-integration/jenkins";
    const told = { context, state: "success", description: "Build has completed successfully" };
    expect(await forge.conversations?.told(COMMIT, context, signal)).toEqual(told);
    changes.set(`GET ${API}/commits/${COMMIT}/statuses`, ([one]: readonly { creator: object }[]) => [
      { ...one, creator: { ...one?.creator, login: "hubot" } },
    ]);
    expect(await forge.conversations?.told(COMMIT, context, signal)).toBeUndefined();
  });

  it("are kept within what GitHub takes of a text, by whole lines, and with the mark", async () => {
    const row = `| ${"x".repeat(100)} |\n`;
    const text = row.repeat(1_000);
    await forge.update(1347, { content: { title: "t", body: text, labels: [] } }, signal);
    await forge.conversations?.say(1347, { kind: "preview", text, add: true }, signal);
    const [body = "", comment = ""] = bodies.splice(0).map((each) => (JSON.parse(each) as { body: string }).body);
    for (const each of [body, comment]) {
      expect(each.length).toBeLessThan(65_536);
      expect(each.length).toBeGreaterThan(64_000);
      expect(each.split("\n").filter((line) => line.startsWith("|"))).toEqual(
        Array.from({ length: 619 }, () => row.trimEnd()),
      );
    }
    expect(comment).toMatch(/ of a text\.\n\n<!-- trueup:preview -->$/);
  });

  it("are read: a status that is put, a pull request that is merged", async () => {
    const status = { context: "trueup/prod", state: "success", description: "passed: synced" } as const;
    await forge.revisions?.status(COMMIT, status, signal);
    expect(await forge.revisions?.merge(1347, COMMIT, signal)).toEqual({});
    expect(asked).toEqual([`POST ${API}/statuses/${COMMIT}`, `PUT ${API}/pulls/1347/merge`]);
  });

  it("are read: a deployment that is there, and one that is made", async () => {
    const deployment = { environment: "production", commit: COMMIT, state: "success" } as const;
    await forge.revisions?.deployment(deployment, signal);
    expect(asked.splice(0)).toEqual([`GET ${API}/deployments`, `GET ${API}/deployments/1/statuses`]);
    changes.set(`GET ${API}/deployments`, () => []);
    changes.set(`GET ${API}/deployments/1/statuses`, () => []);
    await forge.revisions?.deployment(deployment, signal);
    expect(asked).toEqual([
      `GET ${API}/deployments`,
      `POST ${API}/deployments`,
      `GET ${API}/deployments/1/statuses`,
      `POST ${API}/deployments/1/statuses`,
    ]);
  });

  // `permission` has four values, says GitHub: "maintain" is told as write, "triage" as read; so is a person's own role.
  it.each([
    ["admin", "admin", true],
    ["write", "write", true],
    ["write", "maintain", true],
    ["read", "triage", false],
    ["read", "read", false],
    ["none", "none", false],
  ])(
    "are read: a command of somebody whose permission is %s (%s) is heard: %s",
    async (permission, role_name, heard) => {
      const comments = `GET /repos/${REPOSITORY}/issues/1347/comments`;
      changes.set(comments, ([comment]: readonly object[]) => [{ ...comment, body: "/trueup revert" }]);
      changes.set(`GET /repos/${REPOSITORY}/collaborators/octocat/permission`, (example: object) => ({
        ...{ ...example, permission, role_name },
      }));
      const command = { id: "1", author: "octocat", text: "revert", at: "2011-04-14T16:00:49Z" };
      expect(await forge.commands?.(1347, "2011-01-01T00:00:00Z", signal)).toEqual(heard ? [command] : []);
    },
  );

  it("are read: an App's token", async () => {
    const { generateKeyPairSync } = await import("node:crypto");
    const key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
    const { port } = server.address() as AddressInfo;
    const app = { id: 1, installation: 2, privateKey: key.export({ type: "pkcs8", format: "pem" }).toString() };
    const url = `http://127.0.0.1:${port}`;
    const { openGitToken } = await import("../../../src/forges/github/git-token.js");
    const token = await openGitToken(`${url}/${REPOSITORY}`, {
      repository: REPOSITORY,
      identity: { app },
      baseUrl: url,
    });
    expect(await token(signal)).toBe("ghs_16C7e42F292c6912E7710c838347Ae178B4a");
  });
});
