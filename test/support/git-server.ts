import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";

export interface GitServer {
  /** Without user and password: `http://127.0.0.1:<port>`; a repository of `root` is `${url}/<folder>`. */
  readonly url: string;
  /** Method, path and query of every request that was let in, e.g. `GET /repo.git/info/refs?service=git-upload-pack`. */
  readonly requests: string[];
  /** How the next requests are answered: by git, with that HTTP status, or not at all until set back to `git`. */
  answer: "git" | "never" | number;
  close(): Promise<void>;
}

const backend = `${(await promisify(execFile)("git", ["--exec-path"])).stdout.trim()}/git-http-backend`;

/** Real git over smart HTTP: clone, fetch and push of the repositories in `root`, with basic authentication. */
export async function startGitServer(options: { root: string; username?: string; token?: string }): Promise<GitServer> {
  const expected = Buffer.from(`${options.username ?? "x-access-token"}:${options.token ?? ""}`).toString("base64");
  const server = createServer((request, response) => {
    if (options.token !== undefined && request.headers.authorization !== `Basic ${expected}`) {
      response.writeHead(401, { "WWW-Authenticate": 'Basic realm="git"' }).end();
      return;
    }
    state.requests.push(`${request.method ?? ""} ${request.url ?? ""}`);
    if (state.answer === "never") return;
    if (state.answer === "git") serveGit(options.root, request, response);
    else response.writeHead(state.answer, { Location: "http://127.0.0.1:1/" }).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const state: GitServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    answer: "git",
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return state;
}

/**
 * One request of git's, of a repository below `root`. CGI as in RFC 3875: the request in the environment, the body on standard
 * input, header lines in front of the answer.
 */
export function serveGit(root: string, request: IncomingMessage, response: ServerResponse): void {
  const { pathname, search } = new URL(request.url ?? "/", "http://server");
  const child = spawn(backend, {
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""),
      REMOTE_USER: "test",
      REQUEST_METHOD: request.method,
      PATH_INFO: decodeURIComponent(pathname),
      QUERY_STRING: search.slice(1),
      CONTENT_TYPE: request.headers["content-type"] ?? "",
      HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
    },
  });
  request.pipe(child.stdin).on("error", () => child.kill());
  response.on("close", () => child.kill());
  let head: Buffer | undefined = Buffer.alloc(0);
  child.stdout.on("data", (chunk: Buffer) => {
    if (head === undefined) return void response.write(chunk);
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end === -1) return;
    const lines = head.toString("latin1", 0, end).split("\r\n");
    const headers = new Map(lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
    response.statusCode = Number.parseInt(headers.get("Status") ?? "200", 10);
    for (const [name, value] of headers) if (name !== "Status") response.setHeader(name, value);
    response.write(head.subarray(end + 4));
    head = undefined;
  });
  child.stdout.on("end", () => response.end());
}
