import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createEmulator } from "emulate";
import { serveGit } from "./git-server.js";
import { hasCommit, hasCommits, servedPulls } from "./github-pulls.js";
import { deviationsOf, exampleOf, operationOf, violationsOf } from "./github-openapi.js";
import { revisionsFake } from "./github-revisions.js";

export interface GitHubWorld {
  /**
   * One host for git over smart HTTP (`/acme/name.git`) and for programs (`/repos/…`, as on api.github.com, and `/api/v3/repos/…`, as on
   * GitHub Enterprise Server). In front of the emulator, every request is held against GitHub's own description.
   */
  readonly url: string;
  /** The App that is installed on all repositories. */
  readonly app: { readonly id: number; readonly installation: number; readonly privateKey: string };
  /** What was asked so far, of git, too. */
  readonly asked: string[];
  /** Of these requests, the `authorization` of each. */
  readonly credentials: string[];
  /** What in these requests, or in the emulator's answers, GitHub's description does not allow, but for what is known of it. */
  readonly violations: string[];
  /** Answers the next requests itself, oldest first. */
  readonly instead: { status: number; headers?: Record<string, string>; body?: unknown }[];
  /** What befalls the next request that fits, each once. */
  readonly faults: Fault[];
  /** A repository of its own, with a branch `prod`. Unless `serve` gives it git, branches that a pull request names are made for it. */
  repository(): Promise<string>;
  /** Puts real git behind a repository: it is cloned and pushed to at `url`, and pull requests are of its branches. */
  serve(repository: string, folder: string): { readonly url: string };
  /** Asks the emulator as a person. */
  as(token: string, method: string, path: string, body?: unknown): Promise<{ status: number; data: unknown }>;
  /** The owner merges a pull request, in git, too. */
  merge(repository: string, number: number): Promise<void>;
  /** As branch protection: nobody pushes to the branch, and pull requests are merged where these statuses of their heads say success. */
  protect(repository: string, branch: string, contexts: readonly string[]): void;
  close(): Promise<void>;
}

interface Fault {
  /** Of `METHOD path`. */
  readonly at: RegExp;
  /**
   * `lost`: done, and answered 502; `cut`: done, and the answer ends in the middle; `reset`: neither done nor answered; `refused`: not
   * done, and answered 403.
   */
  readonly how: "lost" | "cut" | "reset" | "refused";
}

export const tokens = { bot: "test-token-bot", owner: "test-token-owner", stranger: "test-token-stranger" };
const APP = { id: 4711, installation: 100 };

export async function githubWorld(): Promise<GitHubWorld> {
  const proxy = createServer();
  const url = await listening(proxy);
  const emulator = await createEmulator({ service: "github", port: 0, seed });
  const addresses = { emulator: emulator.url, shown: url };
  const privateKey = emulator.generatedSecrets.find(({ kind }) => kind === "github.app_private_key")?.value ?? "";
  const gitRoot = mkdtempSync(join(tmpdir(), "trueup-github-"));
  const folders = new Map<string, string>();
  const mayUseGit = new Set([tokens.bot, tokens.owner]);
  const closers = new Map<string, string>();
  const world = { asked: [], credentials: [], violations: [], instead: [], faults: [] } as unknown as Lists;
  const revisions = revisionsFake((repository, commit) => hasCommit(folders.get(repository), commit));
  const pulls = servedPulls({
    folders,
    async statuses(repository, commit) {
      const { data } = await as(tokens.owner, "GET", `/repos/${repository}/commits/${commit}/statuses`);
      const newestLast = (data as { context: string; state: string }[]).toReversed();
      return new Map(newestLast.map(({ context, state }) => [context, state]));
    },
  });
  let repositories = 0;

  /** As the emulator does it, but for what it leaves out or gets wrong. */
  async function answer(request: Asked): Promise<Answer> {
    const { method, path } = request;
    const opening = method === "POST" && /^\/repos\/([^/]+\/[^/]+)\/pulls$/.exec(path)?.[1];
    const refused = opening ? await refusalOf(opening, request.body) : undefined;
    if (refused !== undefined) return { status: 422, data: { message: "Validation Failed", errors: [refused] } };
    const fake = revisions.answer({ ...request, address: new URL(request.url, url), login: loginOf(request) });
    if (fake !== undefined) return fake;
    const given = await pulls.answer(request, (asked) => ask(addresses, asked));
    const { token } = given.data as { token?: string };
    if (path.endsWith("/access_tokens") && token !== undefined) mayUseGit.add(token);
    if (method === "PATCH" && request.body.includes('"state":"closed"')) closers.set(path, loginOf(request));
    const issue = method === "GET" && /^(\/repos\/[^/]+\/[^/]+)\/issues\/(\d+)$/.exec(path);
    if (issue && given.status === 404) return issueOf(`${issue[1] ?? ""}/pulls/${issue[2] ?? ""}`);
    return given;
  }

  /** The emulator takes a second pull request of a branch, and makes branches that are not there. */
  async function refusalOf(repository: string, body: string): Promise<object | undefined> {
    const { head, base } = JSON.parse(body) as { head: string; base: string };
    const there = await as(tokens.owner, "GET", `/repos/${repository}/pulls?head=acme:${head}&state=open`);
    if (Array.isArray(there.data) && there.data.length > 0) {
      return { resource: "PullRequest", code: "custom", message: `A pull request already exists for acme:${head}.` };
    }
    const folder = folders.get(repository);
    if (folder !== undefined && !hasCommits(folder, { head, base })) {
      return { resource: "PullRequest", code: "custom", message: `No commits between ${base} and ${head}` };
    }
    await branchFor(as, { repository, head, base });
    return undefined;
  }

  /** The emulator does not show a pull request as an issue: GitHub's own example of one, with what is known here. */
  async function issueOf(path: string): Promise<Answer> {
    const { status, data } = await as(tokens.owner, "GET", path);
    const operation = operationOf("GET", path.replace("/pulls/", "/issues/"));
    if (status !== 200 || operation === undefined) return { status, data };
    const { number, title, body, state, html_url, user } = data as Record<string, unknown>;
    const example = exampleOf(operation) as { closed_by: object };
    const login = closers.get(path);
    const closedBy = login === undefined ? null : { ...example.closed_by, login };
    return { status, data: { ...example, number, title, body, state, html_url, user, closed_by: closedBy } };
  }

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = "", url: target = "", headers } = incoming;
    world.asked.push(`${method} ${target.split("?")[0] ?? ""}`);
    world.credentials.push(headers.authorization ?? "");
    const fault = world.faults.find(({ at }) => at.test(`${method} ${target}`));
    if (fault !== undefined) world.faults.splice(world.faults.indexOf(fault), 1);
    if (fault?.how === "reset") {
      incoming.socket.destroy();
      return;
    }
    if (/^\/[^/]+\/[^/]+\.git\//.test(target)) {
      if (mayUseGit.has(passwordOf(headers.authorization))) serveGit(gitRoot, incoming, outgoing);
      else outgoing.writeHead(401, { "www-authenticate": 'Basic realm="GitHub"' }).end();
      return;
    }
    const body = await textOf(incoming);
    const path = target.replace(/^\/api\/v3(?=\/)/, "");
    world.violations.push(...violationsOf({ method, url: path, body }));
    if (fault?.how === "refused") {
      send(outgoing, { status: 403, data: { message: "Resource not accessible by integration" } });
      return;
    }
    const canned = world.instead.shift();
    if (canned !== undefined) {
      const { status, headers: extra = {}, body: data = { message: "canned" } } = canned;
      send(outgoing, { status, data, headers: extra });
      return;
    }
    const given = await answer({
      method,
      path: path.split("?")[0] ?? "",
      url: path,
      body,
      authorization: headers.authorization,
    });
    const operation = operationOf(method, path.split("?")[0] ?? "");
    if (operation !== undefined && given.status < 300) {
      world.violations.push(
        ...deviationsOf(operation, given).filter((each) => !KNOWN.some((known) => known.test(each))),
      );
    }
    if (fault?.how === "lost") send(outgoing, { status: 502, data: { message: "Server Error" } });
    else if (fault?.how === "cut") cut(outgoing, given);
    else send(outgoing, given);
  }

  const as: GitHubWorld["as"] = async (token, method, path, body) => {
    const text = body === undefined ? "" : JSON.stringify(body);
    const at = path.split("?")[0] ?? "";
    return answerAs({ method, path: at, url: path, body: text, authorization: `token ${token}` });
  };
  // What a person asks is answered as a program is, but for opening: tests may open whatever they like.
  const answerAs = (request: Asked): Promise<Answer> =>
    request.method === "POST" && request.path.endsWith("/pulls") ? ask(addresses, request) : answer(request);

  proxy.on("request", (incoming: IncomingMessage, outgoing: ServerResponse) => void handle(incoming, outgoing));
  return {
    ...{ url, app: { ...APP, privateKey }, as },
    ...world,
    async repository() {
      repositories += 1;
      const name = `environments-${repositories}`;
      await as(tokens.owner, "POST", "/user/repos", { name, auto_init: true });
      const main = await as(tokens.owner, "GET", `/repos/acme/${name}/git/ref/heads/main`);
      const { sha } = (main.data as { object: { sha: string } }).object;
      await as(tokens.owner, "POST", `/repos/acme/${name}/git/refs`, { ref: "refs/heads/prod", sha });
      return `acme/${name}`;
    },
    serve(repository, folder) {
      const link = join(gitRoot, `${repository}.git`);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(folder, link);
      folders.set(repository, folder);
      return { url: `${url}/${repository}.git` };
    },
    async merge(repository, number) {
      const merged = await as(tokens.owner, "PUT", `/repos/${repository}/pulls/${number}/merge`, {});
      if (merged.status !== 200) throw new Error(`not merged: ${JSON.stringify(merged.data)}`);
    },
    protect: pulls.protect,
    async close() {
      proxy.closeAllConnections();
      await new Promise((done) => proxy.close(done));
      await emulator.close();
      rmSync(gitRoot, { recursive: true, force: true });
    },
  };
}

/**
 * Where the emulator's answers are not as GitHub's description says. Besides, it tells an outsider's permission by 404 and a
 * writer's as `push`, knows no ETag, no rate limit and no unknown token, and ignores `since`.
 */
const KNOWN = [
  /permission: user must have required property 'role_name'$/,
  /^GET \/app: owner must /,
  /labels\/N\/description must be string$/,
  /requested_reviewers: answers 200, not 201$/,
  // Of an App's own user, whose name has brackets in it: not percent-encoded.
  /(user|merged_by)\/\w*url must match format "uri"$/,
  // Null, as of a run that is not over: the description says `nullable` beside an `enum` without it.
  /check_runs\/N\/conclusion must be equal to one of the allowed values$/,
];

type Lists = Pick<GitHubWorld, "asked" | "credentials" | "violations" | "instead" | "faults">;

const seed = {
  tokens: {
    [tokens.bot]: { login: "acme-bot", scopes: ["repo"] },
    [tokens.owner]: { login: "acme", scopes: ["repo"] },
    [tokens.stranger]: { login: "mallory", scopes: ["repo"] },
  },
  github: {
    users: [{ login: "acme" }, { login: "acme-bot" }, { login: "mallory" }],
    orgs: [{ login: "guild" }],
    repos: [{ owner: "acme", name: "environments", auto_init: true }],
    apps: [
      {
        ...{ app_id: APP.id, slug: "trueup", name: "Trueup" },
        permissions: { contents: "write", issues: "write", pull_requests: "write", metadata: "read" },
        installations: [{ installation_id: APP.installation, account: "acme", repository_selection: "all" }],
      },
    ],
  },
};

interface Asked {
  readonly method: string;
  readonly path: string;
  /** With the query. */
  readonly url: string;
  readonly body: string;
  readonly authorization: string | undefined;
}

interface Answer {
  readonly status: number;
  readonly data: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

async function ask(
  { emulator, shown }: { emulator: string; shown: string },
  { method, url, body, authorization }: Asked,
): Promise<Answer> {
  const response = await fetch(`${emulator}${url}`, {
    method,
    headers: { "content-type": "application/json", ...(authorization === undefined ? {} : { authorization }) },
    ...(body === "" ? {} : { body }),
  });
  const text = (await response.text()).replaceAll(emulator, shown);
  return { status: response.status, data: text === "" ? null : (JSON.parse(text) as unknown) };
}

function send(outgoing: ServerResponse, { status, data, headers }: Answer): void {
  outgoing.writeHead(status, { "content-type": "application/json", ...headers });
  outgoing.end(status === 304 || status === 204 ? undefined : JSON.stringify(data));
}

/** Half of it, and then the connection ends. */
function cut(outgoing: ServerResponse, { status, data }: Answer): void {
  const text = JSON.stringify(data);
  outgoing.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  outgoing.write(text.slice(0, text.length / 2), () => outgoing.destroy());
}

function loginOf({ authorization = "" }: Asked): string {
  const [, token = ""] = authorization.split(" ");
  return (seed.tokens as Record<string, { login: string }>)[token]?.login ?? "trueup[bot]";
}

function passwordOf(authorization = ""): string {
  const [, basic = ""] = authorization.split(" ");
  return Buffer.from(basic, "base64").toString().split(":")[1] ?? "";
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Branch {
  readonly repository: string;
  readonly head: string;
  readonly base: string;
}

/** The head branch, with a commit of its own, as the push before the request made it in git: the emulator's git is a part of it. */
async function branchFor(as: GitHubWorld["as"], { repository, head, base }: Branch): Promise<void> {
  const api = `/repos/${repository}`;
  const there = await as(tokens.owner, "GET", `${api}/git/ref/heads/${head}`);
  if (there.status === 200) return;
  const tipOf = (branch: string) => as(tokens.owner, "GET", `${api}/git/ref/heads/${branch}`);
  const known = await tipOf(base);
  const { sha } = ((known.status === 200 ? known : await tipOf("main")).data as { object: { sha: string } }).object;
  if (known.status !== 200) await as(tokens.owner, "POST", `${api}/git/refs`, { ref: `refs/heads/${base}`, sha });
  await as(tokens.owner, "POST", `${api}/git/refs`, { ref: `refs/heads/${head}`, sha });
  const content = Buffer.from(`of: ${head}\n`).toString("base64");
  await as(tokens.owner, "PUT", `${api}/contents/proposed.yaml`, { message: "adopt", content, branch: head });
}
