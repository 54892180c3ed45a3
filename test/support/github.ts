import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Ajv } from "ajv";
import addFormats from "ajv-formats";
import { createEmulator } from "emulate";

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: object }[];
  readonly request: object | null;
}

const { operations } = JSON.parse(readFileSync(new URL("fixtures/github-openapi.json", import.meta.url), "utf8")) as {
  operations: readonly Operation[];
};

export interface GitHubWorld {
  /** Where Trueup is to ask: in front of the emulator, every request is held against GitHub's own description. */
  readonly url: string;
  /** `METHOD path` of what was asked so far. */
  readonly asked: string[];
  /** What in these requests GitHub's description does not allow. */
  readonly violations: string[];
  /** Answers the next requests itself, oldest first. */
  readonly instead: { status: number; headers?: Record<string, string>; body?: unknown }[];
  /** A repository of its own, with a branch `prod`. Branches that a pull request names are made for it: there is no git behind. */
  repository(): Promise<string>;
  /** Asks the emulator as a person. */
  as(token: string, method: string, path: string, body?: unknown): Promise<{ status: number; data: unknown }>;
  close(): Promise<void>;
}

export const tokens = { bot: "test-token-bot", owner: "test-token-owner", stranger: "test-token-stranger" };

export async function githubWorld(): Promise<GitHubWorld> {
  const github = await createEmulator({
    service: "github",
    port: 0,
    seed: {
      tokens: {
        [tokens.bot]: { login: "acme-bot", scopes: ["repo"] },
        [tokens.owner]: { login: "acme", scopes: ["repo"] },
        [tokens.stranger]: { login: "mallory", scopes: ["repo"] },
      },
      github: {
        users: [{ login: "acme" }, { login: "acme-bot" }, { login: "mallory" }],
        repos: [{ owner: "acme", name: "environments", auto_init: true }],
      },
    },
  });
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats.default(ajv);
  for (const format of ["repo.nwo", "timestamp"]) ajv.addFormat(format, true);
  const asked: string[] = [];
  const violations: string[] = [];
  const instead: GitHubWorld["instead"] = [];

  const as: GitHubWorld["as"] = async (token, method, path, body) => {
    const answer = await ask(`${github.url}${path}`, {
      ...{ method, authorization: `token ${token}` },
      body: body === undefined ? "" : JSON.stringify(body),
    });
    const text = await answer.text();
    return { status: answer.status, data: text === "" ? null : (JSON.parse(text) as unknown) };
  };
  let repositories = 0;

  const proxy = createServer((incoming, outgoing) => {
    void (async () => {
      const body = await textOf(incoming);
      const { method = "", url = "" } = incoming;
      asked.push(`${method} ${url.split("?")[0] ?? ""}`);
      violations.push(...violationsOf({ method, url, body }, ajv));
      if (method === "POST" && url.endsWith("/pulls")) await branchFor(as, { url, body });
      const canned = instead.shift();
      if (canned !== undefined) {
        outgoing.writeHead(canned.status, { "content-type": "application/json", ...canned.headers });
        outgoing.end(JSON.stringify(canned.body ?? { message: "canned" }));
        return;
      }
      const answer = await ask(`${github.url}${url}`, { method, body, authorization: incoming.headers.authorization });
      outgoing.writeHead(answer.status, { "content-type": "application/json" });
      outgoing.end(await answer.text());
    })();
  });
  const url = await listening(proxy);
  return {
    ...{ url, asked, violations, instead },
    as,
    async repository() {
      repositories += 1;
      const name = `environments-${repositories}`;
      await as(tokens.owner, "POST", "/user/repos", { name, auto_init: true });
      const main = await as(tokens.owner, "GET", `/repos/acme/${name}/git/ref/heads/main`);
      const { sha } = (main.data as { object: { sha: string } }).object;
      await as(tokens.owner, "POST", `/repos/acme/${name}/git/refs`, { ref: "refs/heads/prod", sha });
      return `acme/${name}`;
    },
    async close() {
      proxy.closeAllConnections();
      await new Promise((done) => proxy.close(done));
      await github.close();
    },
  };
}

async function ask(
  url: string,
  { method, body, authorization }: { method: string; body: string; authorization: string | undefined },
) {
  return fetch(url, {
    method,
    headers: { "content-type": "application/json", ...(authorization === undefined ? {} : { authorization }) },
    ...(body === "" ? {} : { body }),
  });
}

function violationsOf({ method, url, body }: { method: string; url: string; body: string }, ajv: Ajv): string[] {
  const { pathname, searchParams } = new URL(url, "http://localhost");
  const operation = operations.find((each) => each.method === method && matches(each.path, pathname));
  const what = `${method} ${pathname}`;
  if (operation === undefined) return [`${what} is not in GitHub's description`];
  const unknown = [...searchParams.keys()].filter(
    (name) => !operation.parameters.some((parameter) => parameter.in === "query" && parameter.name === name),
  );
  const wrong = [...searchParams].flatMap(([name, value]) => {
    const schema = operation.parameters.find(
      (parameter) => parameter.in === "query" && parameter.name === name,
    )?.schema;
    if (schema === undefined) return [];
    const typed = "type" in schema && schema.type === "integer" ? Number(value) : value;
    return ajv.validate(schema, typed) ? [] : [`${what}: ?${name}=${value}: ${ajv.errorsText()}`];
  });
  const fits = operation.request === null || body === "" || ajv.validate(operation.request, JSON.parse(body));
  return [
    ...unknown.map((name) => `${what}: unknown query parameter ${name}`),
    ...wrong,
    ...(fits ? [] : [`${what}: ${ajv.errorsText()}`]),
  ];
}

function matches(template: string, path: string): boolean {
  const pattern = template.replaceAll(/\{[^}]+\}/g, "[^/]+");
  return new RegExp(`^${pattern}$`).test(path);
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

/** The head branch, with a commit of its own, as the push before the request made it in git. */
async function branchFor(as: GitHubWorld["as"], { url, body }: { url: string; body: string }): Promise<void> {
  const repository = url.slice(0, -"/pulls".length);
  const { head, base } = JSON.parse(body) as { head: string; base: string };
  const there = await as(tokens.owner, "GET", `${repository}/git/ref/heads/${head}`);
  if (there.status === 200) return;
  const tip = await as(tokens.owner, "GET", `${repository}/git/ref/heads/${base}`);
  const { sha } = (tip.data as { object: { sha: string } }).object;
  await as(tokens.owner, "POST", `${repository}/git/refs`, { ref: `refs/heads/${head}`, sha });
  const content = Buffer.from(`of: ${head}\n`).toString("base64");
  await as(tokens.owner, "PUT", `${repository}/contents/proposed.yaml`, { message: "adopt", content, branch: head });
}
