import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chown, mkdir, open, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { launch, privilege, reachable, type PostgresBinaries, type Privilege } from "./postgres-binaries.js";

/** `smart` waits for clients to leave, `fast` disconnects them, `immediate` is a crash: recovery runs at the next start. */
type StopMode = "smart" | "fast" | "immediate";

export interface PostgresServerOptions {
  readonly binaries: PostgresBinaries;
  /** The data directory. It is made where it is missing, and used as it is where it already holds a cluster. */
  readonly directory: string;
  /** Of the superuser `postgres`; it is set when the cluster is made. */
  readonly password: string;
  /** On loopback. Default: a free one. */
  readonly port?: number;
  /** Server settings on the command line, which ALTER SYSTEM cannot change. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Whether the data directory goes when the server is closed or this process dies. Default false. */
  readonly temporary?: boolean;
}

export interface PostgresServer {
  /** Of the superuser and database `postgres`, with the password. */
  readonly url: string;
  readonly port: number;
  readonly version: string;
  readonly directory: string;
  /** Ends the server and keeps its data. */
  stop(mode?: StopMode): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
  /** Stops it for good; a temporary one is removed. */
  close(): Promise<void>;
}

const SIGNALS = { smart: "SIGTERM", fast: "SIGINT", immediate: "SIGQUIT" } as const;
const DEADLINE_MS = 60_000;
const run = promisify(execFile);

/**
 * A PostgreSQL server of this process's own on 127.0.0.1, without a socket in the file system. It is stopped when this
 * process dies, however it dies. Throws an Error with the server's last words where it does not come up.
 */
export async function startPostgresServer(options: PostgresServerOptions): Promise<PostgresServer> {
  const as = await privilege();
  const binaries = await reachable(options.binaries, as);
  await makeCluster(options, binaries, as);
  const port = options.port ?? (await freePort());
  const settings = { ...options.settings, listen_addresses: "127.0.0.1", unix_socket_directories: "" };
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const command = launch(as, join(binaries.bin, "postgres"), ["-D", options.directory, "-p", String(port), ...flags]);

  let running: { server: ChildProcess; guard: ChildProcess } | undefined;
  const start = async () => {
    if (running !== undefined) return;
    const log = await open(join(options.directory, "server.log"), "a");
    // In a session of its own: Ctrl-C in the terminal reaches us, and we decide when the server goes.
    const server = spawn(command.command, command.args, {
      ...command.owner,
      stdio: ["ignore", log.fd, log.fd],
      detached: true,
    });
    await log.close();
    running = { server, guard: guard(server, options.temporary === true ? options.directory : undefined) };
    try {
      await untilReady(server, options.directory);
    } catch (error) {
      await stop("immediate");
      throw error;
    }
  };
  const stop = async (mode: StopMode = "fast") => {
    if (running === undefined) return;
    const { server, guard } = running;
    running = undefined;
    if (server.exitCode === null && server.signalCode === null) {
      server.ref();
      const exited = once(server, "exit");
      server.kill(SIGNALS[mode]);
      await exited;
    }
    guard.stdin?.end("done\n");
  };
  const close = async () => {
    await stop();
    if (options.temporary === true) await rm(options.directory, { recursive: true, force: true });
  };
  await start();
  const url = `postgres://postgres:${encodeURIComponent(options.password)}@127.0.0.1:${port}/postgres`;
  return { url, port, version: binaries.version, directory: options.directory, stop, start, close };
}

async function makeCluster(options: PostgresServerOptions, binaries: PostgresBinaries, as: Privilege): Promise<void> {
  const { directory, password } = options;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const existing = await readFile(join(directory, "PG_VERSION"), "utf8").catch(() => undefined);
  if (existing !== undefined) {
    if (existing.trim() === String(binaries.major)) return;
    throw new Error(
      `${directory} was made by PostgreSQL ${existing.trim()}, this is ${binaries.version}: remove the folder`,
    );
  }
  const secret = `${directory}.password`;
  await writeFile(secret, password, { mode: 0o600 });
  try {
    const { command, args, owner } = launch(as, join(binaries.bin, "initdb"), [
      ...["--pgdata", directory, "--username=postgres", "--auth=scram-sha-256", `--pwfile=${secret}`],
      ...["--encoding=UTF8", "--no-locale", "--no-sync"],
    ]);
    if (owner !== undefined) for (const path of [directory, secret]) await chown(path, owner.uid, owner.gid);
    await run(command, args, { ...owner });
  } finally {
    await rm(secret, { force: true });
  }
}

/** The postmaster writes its state into the eighth line of its lock file; pg_ctl waits for the same word. */
async function untilReady(server: ChildProcess, directory: string): Promise<void> {
  let failure: Error | undefined;
  server.once("error", (error) => {
    failure = error;
  });
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const [pid, ...lines] = (await readFile(join(directory, "postmaster.pid"), "utf8").catch(() => "")).split("\n");
    if (Number(pid) === server.pid && lines[6]?.trim() === "ready") return;
    if (failure !== undefined) throw failure;
    if (server.exitCode !== null || Date.now() > deadline) {
      const log = await readFile(join(directory, "server.log"), "utf8").catch(() => "");
      throw new Error(`the PostgreSQL server did not start:\n${log.trim().split("\n").slice(-8).join("\n")}`);
    }
    await delay(10);
  }
}

/**
 * A shell that waits for one of two things on its input: a word, and all is well; or its end, which means that this process
 * died without a chance to clean up, and then it stops the server itself.
 */
function guard(server: ChildProcess, remove: string | undefined): ChildProcess {
  const script = `read -r word && exit; kill -INT "$1"; n=0
    while kill -0 "$1" 2>/dev/null && [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done
    [ -z "$2" ] || rm -rf "$2"`;
  const shell = spawn("sh", ["-c", script, "sh", String(server.pid), remove ?? ""], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  for (const child of [server, shell]) child.unref();
  if (shell.stdin instanceof Socket) shell.stdin.unref();
  return shell;
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("the probe has no port");
  return address.port;
}
