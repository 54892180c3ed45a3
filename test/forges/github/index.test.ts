import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { TrueupError } from "../../../src/core/errors.js";
import type { Forge } from "../../../src/forges/forge.js";
import { openGitHub } from "../../../src/forges/github/index.js";
import { githubWorld, type GitHubWorld, tokens } from "../../support/github.js";

const REPOSITORY = "acme/environments";
const { signal } = new AbortController();

describe("GitHub", () => {
  let world: GitHubWorld;
  let forge: Forge;
  let count = 0;
  const opened = (token = tokens.owner) =>
    openGitHub({ repository: REPOSITORY, identity: { token }, baseUrl: world.url, pace: "none" });

  beforeAll(async () => {
    world = await githubWorld();
    forge = await opened();
  });
  afterEach(() => {
    expect(world.violations.splice(0)).toEqual([]);
    world.asked.length = 0;
    world.instead.length = 0;
  });
  afterAll(() => world.close());

  /** A branch with a commit of its own, as a push would make it. */
  async function branch(): Promise<string> {
    count += 1;
    const name = `trueup/drift/prod/settings-${count}`;
    const main = await world.as(tokens.owner, "GET", `/repos/${REPOSITORY}/git/ref/heads/main`);
    const { sha } = (main.data as { object: { sha: string } }).object;
    await world.as(tokens.owner, "POST", `/repos/${REPOSITORY}/git/refs`, { ref: `refs/heads/${name}`, sha });
    const path = `/repos/${REPOSITORY}/contents/file-${count}.yaml`;
    const content = Buffer.from(`value: ${count}\n`).toString("base64");
    const made = await world.as(tokens.owner, "PUT", path, { message: "adopt", content, branch: name });
    expect(made.status).toBe(201);
    return name;
  }

  const open = (head: string, title = "prod/settings: 1 setting drifted") =>
    forge.open({ head, base: "main", title, body: "a table", labels: ["severity/high"], reviewers: [] }, signal);

  const heard = async (number: number, since = "2020-01-01T00:00:00Z") =>
    (await forge.commands?.(number, since, signal)) ?? [];

  it("finds nothing where there is no pull request", async () => {
    expect(await forge.find("trueup/drift/none", signal)).toBeUndefined();
  });

  it("opens one, and finds it again by its branch", async () => {
    const head = await branch();
    const opened = await open(head);
    expect(opened).toMatchObject({ state: "open", title: "prod/settings: 1 setting drifted", body: "a table" });
    expect(await forge.find(head, signal)).toEqual(opened);
    const { data } = await world.as(tokens.owner, "GET", `/repos/${REPOSITORY}/pulls/${opened.number}`);
    expect(data).toMatchObject({ labels: [{ name: "severity/high" }] });
  });

  it("never opens a second, whoever asks again after a restart", async () => {
    const head = await branch();
    const first = await open(head);
    const restarted = await opened();
    const request = { head, base: "main", title: "again", body: "", labels: [], reviewers: [] };
    expect(await restarted.open(request, signal)).toMatchObject({ number: first.number });
    const { data } = await world.as(tokens.owner, "GET", `/repos/${REPOSITORY}/pulls?head=acme:${head}&state=all`);
    expect(data).toHaveLength(1);
  });

  it("finds the one that an answer was lost of, instead of opening another", async () => {
    const head = await branch();
    const first = await open(head);
    const { data } = await world.as(tokens.owner, "GET", `/repos/${REPOSITORY}/pulls/${first.number}`);
    const other = await opened();
    // The look before says none, the creation is refused as GitHub does it: the look after finds it.
    world.instead.push({ status: 200, body: [] });
    world.instead.push({
      status: 422,
      body: { message: "Validation Failed", errors: [{ message: "A pull request already exists" }] },
    });
    world.instead.push({ status: 200, body: [data] });
    const request = { head, base: "main", title: "again", body: "", labels: [], reviewers: [] };
    expect(await other.open(request, signal)).toMatchObject({ number: first.number });
  });

  it("updates title, body and labels in place, comments, and closes", async () => {
    const head = await branch();
    const { number } = await open(head);
    const content = { title: "2 settings drifted", body: "a longer table", labels: ["severity/critical"] };
    await forge.update(number, { content, comment: "the drift is gone", close: true }, signal);
    expect(await forge.find(head, signal)).toMatchObject({ number, state: "closed", title: "2 settings drifted" });
    const { data } = await world.as(tokens.owner, "GET", `/repos/${REPOSITORY}/issues/${number}/comments`);
    expect(data).toMatchObject([{ body: expect.stringMatching(/^the drift is gone\n\n<!-- /) as string }]);
  });

  it("tells merged from closed", async () => {
    const head = await branch();
    const { number } = await open(head);
    const merged = await world.as(tokens.owner, "PUT", `/repos/${REPOSITORY}/pulls/${number}/merge`, {});
    expect(merged.status).toBe(200);
    expect(await forge.find(head, signal)).toMatchObject({ number, state: "merged", decidedBy: "acme" });
  });

  it("says who closed it, where GitHub does", async () => {
    const head = await branch();
    const { number } = await open(head);
    const path = `/repos/${REPOSITORY}/pulls/${number}`;
    await world.as(tokens.owner, "PATCH", path, { state: "closed" });
    expect(await forge.find(head, signal)).toMatchObject({ state: "closed", decidedBy: "acme" });
  });

  it("hears commands of people who may write, and of nobody else", async () => {
    const head = await branch();
    const { number } = await open(head);
    const path = `/repos/${REPOSITORY}/issues/${number}/comments`;
    await world.as(tokens.stranger, "POST", path, { body: "/trueup revert" });
    await world.as(tokens.owner, "POST", path, { body: "nice\n/trueup revert" });
    await world.as(tokens.owner, "POST", path, { body: "/trueup hold 4h because INC-1\nthanks" });
    const commands = await heard(number);
    expect(commands).toMatchObject([{ author: "acme", text: "hold 4h because INC-1" }]);
  });

  it("hears a command until it has an answer of Trueup's own; nobody else can answer for it", async () => {
    const head = await branch();
    const { number } = await open(head);
    const path = `/repos/${REPOSITORY}/issues/${number}/comments`;
    await world.as(tokens.owner, "POST", path, { body: "/trueup" });
    await world.as(tokens.owner, "POST", path, { body: "/trueup revert \u001b[31m\u202e" });
    const [help, revert] = await heard(number);
    expect([help?.text, revert?.text]).toEqual(["", "revert  [31m"]);
    await world.as(tokens.stranger, "POST", path, { body: `<!-- trueup:answers ${help?.id ?? ""} -->` });
    expect(await heard(number)).toHaveLength(2);
    await forge.update(number, { comment: "> this is how", answers: help?.id ?? "" }, signal);
    expect(await heard(number)).toEqual([revert]);
    expect(await heard(number, "2100-01-01T00:00:00Z")).toEqual([]);
  });

  it("asks for commands with the last answer's tag, too, and for every page where there are several", async () => {
    const comment = { id: 7, body: "/trueup help", user: { login: "acme" }, created_at: "2026-01-01T00:00:00Z" };
    world.instead.push({ status: 200, headers: { etag: '"abc"' }, body: [comment] });
    world.instead.push({ status: 200, body: { permission: "write" } }, { status: 304 });
    expect(await heard(1)).toEqual([{ id: "7", author: "acme", text: "help", at: comment.created_at }]);
    expect(await heard(1)).toHaveLength(1);
    expect(world.asked.filter((line) => line.endsWith("/permission"))).toHaveLength(1);
    const many = Array.from({ length: 100 }, (_, id) => ({ ...comment, id, body: "thanks" }));
    const link = `<${world.url}/repos/${REPOSITORY}/issues/1/comments?page=2>; rel="next"`;
    world.instead.push({ status: 200, headers: { etag: '"def"' }, body: many });
    world.instead.push({ status: 200, headers: { link }, body: many }, { status: 200, body: [comment] });
    world.instead.push({ status: 200, body: { permission: "read" } });
    expect(await heard(1)).toEqual([]);
  });

  it("does not see a fork's pull request, whatever its branch is called", async () => {
    const head = await branch();
    const opened = await open(head);
    const { data } = await world.as(tokens.owner, "GET", `/repos/${REPOSITORY}/pulls/${opened.number}`);
    const real = data as { head: { repo: object } };
    const fork = { ...real, number: 999, head: { ...real.head, repo: { ...real.head.repo, full_name: "acme/fork" } } };
    const gone = { ...real, number: 998, head: { ...real.head, repo: null } };
    world.instead.push({ status: 200, body: [fork, gone, real] });
    expect(await forge.find(head, signal)).toMatchObject({ number: opened.number });
  });

  it("asks with the last answer's tag, so that an idle cycle costs nothing of the rate limit", async () => {
    const head = await branch();
    const opened = await open(head);
    const { data } = await world.as(tokens.owner, "GET", `/repos/${REPOSITORY}/pulls/${opened.number}`);
    world.instead.push({ status: 200, headers: { etag: '"abc"' }, body: [data] }, { status: 304 });
    expect(await forge.find(head, signal)).toEqual(opened);
    expect(await forge.find(head, signal)).toEqual(opened);
  });

  it("waits out a short rate limit by itself, and says how long a long one is", async () => {
    // GitHub's own words, by which its clients know an abuse limit.
    const body = {
      message: "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
    };
    world.instead.push({ status: 403, headers: { "retry-after": "1" }, body });
    expect(await forge.find("trueup/drift/none", signal)).toBeUndefined();
    expect(world.asked).toHaveLength(2);
    world.instead.push({ status: 429, headers: { "retry-after": "3600" }, body });
    await expect(forge.find("trueup/drift/none", signal)).rejects.toMatchObject({
      code: "DELIVERY_FAILED",
      retryAfter: 3_600_000,
    });
  });

  it("holds no token in what it says of a refusal", async () => {
    const secret = "ghp_thisIsTheTokenItself0123456789";
    const stranger = await opened(secret);
    world.instead.push({ status: 401, body: { message: "Bad credentials" } });
    const error: unknown = await stranger.find("x", signal).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TrueupError);
    expect(error).toMatchObject({ code: "DELIVERY_REFUSED" });
    const { message, hint } = error as TrueupError;
    expect(`${message} ${String(hint)}`).not.toContain(secret);
  });
});
