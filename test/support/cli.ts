import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeRepository, type TestRepository } from "./git-repository.js";
import { postgresUnavailable, startPostgres } from "./postgres.js";

/** The built command: `npm test` builds it first. */
export const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Run as this user. */
  readonly uid?: number;
  /** For Node itself, in front of the script. */
  readonly node?: readonly string[];
}

/** A running `trueup`, its output so far, and its end. */
export interface Running {
  readonly child: ChildProcess;
  readonly output: () => { stdout: string; stderr: string };
  readonly ended: Promise<Ran>;
}

/** Only what a command needs: no colour, git or proxy setting of whoever runs the tests. */
export function cleanEnv(home: string, env: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    ...env,
  };
}

function startTrueup(args: readonly string[], { cwd, env, uid, node = [] }: RunOptions): Running {
  const child = spawn(process.execPath, [...node, MAIN, ...args], {
    cwd,
    env: cleanEnv(cwd, env),
    stdio: ["ignore", "pipe", "pipe"],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const reap = () => child.kill("SIGKILL");
  process.once("exit", reap);
  const ended = new Promise<Ran>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      process.off("exit", reap);
      resolve({ code, signal, stdout, stderr });
    });
  });
  return { child, output: () => ({ stdout, stderr }), ended };
}

export function trueup(args: readonly string[], options: RunOptions): Promise<Ran> {
  return startTrueup(args, options).ended;
}

/** Waits until a condition holds. @throws after the deadline, with what `describe` says then */
export async function eventually(holds: () => boolean, describe: () => string, milliseconds = 20_000): Promise<void> {
  const deadline = Date.now() + milliseconds;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`it did not come to pass: ${describe()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** An operator's folder: a git repository in `repo`, a folder `live` for files, and a trueup.yaml. */
export interface World {
  readonly folder: string;
  readonly repository: TestRepository;
  /** Runs trueup in the folder. */
  run(args: readonly string[], options?: Omit<RunOptions, "cwd">): Promise<Ran>;
  start(args: readonly string[], options?: Omit<RunOptions, "cwd">): Running;
  /** Writes a file below the folder. */
  put(name: string, text: string | Buffer): void;
  read(name: string): string;
  /** Commits files of the environments repository. */
  commit(files: Readonly<Record<string, string | Buffer>>): Promise<string>;
  remove(): void;
}

/** One environment `dev` on branch `dev`, with one target `host` of kind files. */
export const TRUEUP_YAML = `repository: { url: ./repo }
environments:
  dev:
    connections:
      host: { root: live }
`;

export const ENVIRONMENT_YAML = `targets:
  host: { kind: files, connection: host }
`;

/**
 * A store on a server, as the line of trueup.yaml that names it: a command on the embedded store starts a PostgreSQL of its own,
 * which makes a suite of many commands slow. Empty where no server can be had: then the store is the embedded one.
 */
export async function serverStore(): Promise<{ readonly line: string; close(): Promise<void> }> {
  if (postgresUnavailable !== undefined) return { line: "", close: () => Promise.resolve() };
  const server = await startPostgres();
  return { line: `store: "${await server.newDatabase()}"\n`, close: () => server.close() };
}

export interface WorldOptions {
  /** The operator's file. */
  readonly config?: string;
  /** Files of the environments repository, in one commit on branch `dev`. */
  readonly files?: Readonly<Record<string, string | Buffer>>;
  /** Other branches of the same commit. */
  readonly branches?: readonly string[];
}

export async function makeWorld({ config = TRUEUP_YAML, files, branches = [] }: WorldOptions = {}): Promise<World> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "trueup-cli-")));
  const repository = await makeRepository(join(folder, "repo"), "--initial-branch=dev");
  const put = (name: string, text: string | Buffer): void => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  };
  put("trueup.yaml", config);
  mkdirSync(join(folder, "live"));
  await repository.commit(
    files ?? {
      "environments/dev/environment.yaml": ENVIRONMENT_YAML,
      "environments/dev/host/app.yaml": "server:\n  port: 8080\nlogging:\n  level: info\n",
    },
  );
  for (const branch of branches) await repository.git("branch", branch);
  return {
    folder,
    repository,
    run: (args, options = {}) => trueup(args, { ...options, cwd: folder }),
    start: (args, options = {}) => startTrueup(args, { ...options, cwd: folder }),
    put,
    read: (name) => readFileSync(join(folder, name), "utf8"),
    commit: (changed) => repository.commit(changed),
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
