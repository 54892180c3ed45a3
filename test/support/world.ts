import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { loadConfig } from "../../src/config/config.js";
import type { Log, LogFields } from "../../src/lib/log.js";
import { sync } from "../../src/operations/sync.js";
import { diff } from "../../src/operations/diff.js";
import { reconcileEnvironment, refresh } from "../../src/reconcile/environment.js";
import type { EnvironmentReport, TargetReport } from "../../src/reconcile/report.js";
import { openSession, type Session } from "../../src/reconcile/session.js";
import type { Event } from "../../src/store/store.js";
import { makeRepository, type TestRepository } from "./git-repository.js";

export interface WorldOptions {
  /** The connections of every environment, as trueup.yaml has them; `host` (files below `root`) is always there. */
  readonly connections?: Readonly<Record<string, unknown>>;
  /** A PostgreSQL URL; without one, the embedded store. */
  readonly store?: string;
  readonly environments?: readonly string[];
  /** By environment, as trueup.yaml has them. */
  readonly probes?: Readonly<Record<string, unknown>>;
  readonly webhooks?: Readonly<Record<string, unknown>>;
  /** Which branch an environment follows where it is not its name. */
  readonly branches?: Readonly<Record<string, string>>;
  readonly interval?: string;
  readonly concurrency?: number;
  /** Default: none. Null: as where trueup.yaml says nothing of it. */
  readonly forge?: unknown;
  /** In place of the repository's folder. */
  readonly url?: string;
  /** `repository.path` */
  readonly path?: string;
}

export interface Logged {
  readonly level: keyof Log;
  readonly fields: LogFields;
  readonly message: string;
}

/** An environments repository, an operator's file and a folder of live files, without a server of its own. */
export interface World {
  readonly folder: string;
  readonly repository: TestRepository;
  /** Where the live files of an environment's connection `host` are. */
  root(environment?: string): string;
  /** Commits to an environment's branch, and returns the commit's id. Null removes a file or a folder. */
  commit(files: Readonly<Record<string, string | null>>, options?: CommitOptions): Promise<string>;
  readonly configFile: string;
  readonly stateDirectory: string;
  /** What all sessions logged. */
  readonly logged: Logged[];
  /** Writes trueup.yaml anew. */
  configure(options: WorldOptions): void;
  /** A session as a process of its own would have it. `stop` is its SIGTERM. */
  open(options?: { stop?: AbortSignal; stateDirectory?: string; holder?: string }): Session;
  /** Closes every session, and removes the folder. */
  close(): Promise<void>;
}

export interface CommitOptions {
  readonly branch?: string;
  /** What it stands on; default: the branch. */
  readonly from?: string;
}

export async function makeWorld(options: WorldOptions = {}): Promise<World> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "trueup-world-")));
  const repository = await makeRepository(join(folder, "environments-repository"));
  const root = (environment = "prod"): string => join(folder, "host", environment);
  for (const name of options.environments ?? ["prod"]) mkdirSync(root(name), { recursive: true });
  const configFile = join(folder, "trueup.yaml");
  const stateDirectory = join(folder, "state");
  const sessions: Session[] = [];
  const logged: Logged[] = [];
  const log = logInto(logged);

  const configure: World["configure"] = (given) => {
    const { environments = ["prod"], branches = {}, interval = "1m", probes = {}, webhooks = {} } = given;
    const { connections = {}, store, concurrency, url, path, forge = { kind: "none" } } = given;
    const file = {
      repository: { url: url ?? repository.folder, ...(path === undefined ? {} : { path }) },
      interval,
      stateDirectory,
      ...(store === undefined ? {} : { store }),
      ...(forge === null ? {} : { forge }),
      ...(concurrency === undefined ? {} : { concurrency }),
      webhooks,
      environments: Object.fromEntries(
        environments.map((name) => [
          name,
          {
            branch: branches[name] ?? name,
            connections: { host: { root: root(name) }, ...connections },
            secrets: [{ kind: "directory", path: join(folder, "secrets") }],
            probes: probes[name] ?? {},
          },
        ]),
      ),
    };
    writeFileSync(configFile, JSON.stringify(file));
  };
  configure(options);

  return {
    folder,
    repository,
    root,
    commit: (files, { branch = "prod", from } = {}) => fastCommit(repository.folder, files, { branch, from }),
    configFile,
    stateDirectory,
    logged,
    configure,
    open({ stop = never, stateDirectory: other, holder = "test@here:1" } = {}) {
      const config = loadConfig(configFile, {});
      const session = openSession({
        config: other === undefined ? config : { ...config, stateDirectory: other },
        log,
        stop,
        holder,
        // Whatever forge a test has, it is its own.
        pace: "none",
      });
      sessions.push(session);
      return session;
    },
    async close() {
      await Promise.all(sessions.map((session) => session.close()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const never = new AbortController().signal;

/** One process a commit: `git add` and `git commit` are three, and the suites commit by the hundred. */
function fastCommit(
  folder: string,
  files: Readonly<Record<string, string | null>>,
  { branch, from }: { branch: string; from: string | undefined },
): Promise<string> {
  const data = (text: string): string => `data ${Buffer.byteLength(text)}\n${text}\n`;
  const exists = existsSync(join(folder, ".git", "refs", "heads", branch));
  const base = from ?? (exists ? `refs/heads/${branch}^0` : undefined);
  const script = [
    `commit refs/heads/${branch}\nmark :1\ncommitter Test <test@example.org> ${Math.floor(Date.now() / 1000)} +0000\n`,
    data("change"),
    base === undefined ? "" : `from ${base}\n`,
    ...Object.entries(files).map(([path, text]) =>
      text === null ? `D ${path}\n` : `M 100644 inline ${path}\n${data(text)}`,
    ),
    "\nget-mark :1\n",
  ].join("");
  return new Promise((resolve, reject) => {
    const child = execFile("git", ["fast-import", "--quiet", "--force"], { cwd: folder }, (error, output) => {
      if (error === null) resolve(output.trim());
      else reject(new Error("git fast-import failed", { cause: error }));
    });
    child.stdin?.end(script);
  });
}

function logInto(lines: Logged[]): Log {
  const at =
    (level: keyof Log) =>
    (fields: LogFields, message: string): void => {
      lines.push({ level, fields, message });
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

type SyncArgs = Partial<Parameters<typeof sync.run>[1]>;

/** `trueup sync`, of one environment. */
export async function syncNow(session: Session, args: SyncArgs = {}): Promise<EnvironmentReport> {
  return only(
    await sync.run(session, { environments: ["prod"], ...args }, { signal: session.stop, progress: () => undefined }),
  );
}

/** `trueup diff`. */
export async function diffNow(session: Session, environment = "prod"): Promise<EnvironmentReport> {
  return only(
    await diff.run(session, { environments: [environment] }, { signal: session.stop, progress: () => undefined }),
  );
}

function only({ environments: [report] }: { environments: readonly EnvironmentReport[] }): EnvironmentReport {
  if (report === undefined) throw new Error("no environment was reported");
  return report;
}

/** One pass as the controller makes it: nobody asked for it, nobody confirms. */
export async function cycle(session: Session, environment = "prod"): Promise<EnvironmentReport> {
  const branches = await refresh(session, session.stop);
  const pass = { environment, branches, signal: session.stop };
  return reconcileEnvironment(session, pass, { sync: false, confirm: false });
}

export function targetOf(report: EnvironmentReport, name?: string): TargetReport {
  const target = name === undefined ? report.targets[0] : report.targets.find((one) => one.name === name);
  if (target === undefined) throw new Error(`no report of ${name ?? "a target"}`, { cause: report });
  return target;
}

/** `/path kind` of each finding, for comparing at a glance. */
export function findings(report: EnvironmentReport, name?: string): string[] {
  return targetOf(report, name).findings.map(({ path, kind }) => `${path} ${kind}`);
}

/** `/path result` of each outcome. */
export function outcomes(report: EnvironmentReport, name?: string): string[] {
  return (targetOf(report, name).outcomes ?? []).map(({ path, result }) => `${path} ${result}`);
}

/** `type /path` of each event, oldest first. */
export async function events(session: Session, environment?: string): Promise<string[]> {
  return (await eventList(session, environment)).map(({ type, path }) =>
    path === undefined ? type : `${type} ${path}`,
  );
}

export async function eventList(session: Session, environment?: string): Promise<readonly Event[]> {
  const query = environment === undefined ? { limit: 10_000 } : { environment, limit: 10_000 };
  return (await (await session.store()).history.list(query)).toReversed();
}

/** Waits until the condition holds, and fails with its last error, or false, when that takes too long. */
export async function until(condition: () => unknown, { within = 10_000 } = {}): Promise<void> {
  const deadline = performance.now() + within;
  for (;;) {
    let fault: unknown = new Error(`not so within ${within} ms: ${condition.toString()}`);
    try {
      if ((await condition()) !== false) return;
    } catch (error) {
      fault = error;
    }
    if (performance.now() > deadline) throw fault;
    await delay(10);
  }
}
