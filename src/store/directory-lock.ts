import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmod, link, mkdir, readdir, readFile, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { TrueupError } from "../core/errors.js";
import { codeOf } from "./failure.js";
import { shortPath } from "./short-path.js";

/*
 * One process at a time holds a state directory: it listens on the socket `trueup.sock` in it. The kernel closes the socket
 * with its process, however that dies, and a connection tells at once whether anyone is there; Node has no flock(), and a file
 * with a process id in it may name a process that has nothing to do with us.
 *
 * What a killed holder leaves is a dead socket, and two processes that find it must not both take its place. So:
 * - A socket gets the name only when it listens already: it is bound under a name of its own, then linked. The name therefore
 *   leads to a listening socket or to one that is dead for ever.
 * - link() never replaces. A dead socket is replaced by whoever holds the *guard* of it: a name made of its inode, claimed in
 *   this very same manner. Under the guard it is looked at again, because it may be another by now, and replaced by rename().
 *   A guard whose holder was killed is a dead socket, too, with a guard of its own.
 */

export type DirectoryLock = OwnedDirectory | HeldDirectory;

export interface OwnedDirectory {
  readonly kind: "owned";
  /** Where others knock. It closes their connections as long as nobody else listens to its `connection` events. */
  readonly server: Server;
  readonly socketPath: string;
  /** Lets go of the directory. Open connections are left to their owner, who closes them first. */
  release(): Promise<void>;
}

interface HeldDirectory {
  readonly kind: "held";
  /** Short enough to connect to. */
  readonly socketPath: string;
  /** Of the holder, for a message; undefined in the moment before it has written it down. */
  readonly pid: number | undefined;
}

const NAME = "trueup.sock";
const PID = "trueup.pid";
/** The longest name that is bound or connected to: `trueup.` and a process id in base 36, `-` and eight digits. */
const LONGEST_NAME = 32;
const POLL = 50;

/**
 * Takes the state directory, which is made where it is missing, or tells who holds it. It does not wait.
 * The directory must be on a local file system: a socket on a network drive does not tell whether another host listens.
 * @throws TrueupError PERMISSION_DENIED, WRITE_FAILED where the directory cannot be written or hold a socket
 */
export async function lockDirectory(stateDirectory: string): Promise<DirectoryLock> {
  try {
    await mkdir(stateDirectory, { recursive: true, mode: 0o700 });
    const directory = await shortPath(await realpath(stateDirectory), LONGEST_NAME);
    const socketPath = join(directory, NAME);
    // Nothing needs to be bound where someone is at home.
    if ((await look(socketPath)).state === "alive") return await held(directory);
    const candidate = await listen(directory);
    try {
      if (await claim(candidate, socketPath)) return await owned(candidate, directory);
    } catch (error) {
      candidate.server.close();
      throw error;
    } finally {
      await rm(candidate.bound, { force: true });
    }
    candidate.server.close();
    return await held(directory);
  } catch (error) {
    throw lockFailure(error, stateDirectory);
  }
}

/**
 * As lockDirectory(), but waits for the holder to leave: short commands follow one another.
 * @throws TrueupError STORE_BUSY after `patience` milliseconds, naming the holder
 */
export async function waitForDirectory(
  stateDirectory: string,
  { patience = 5_000, signal }: { patience?: number | undefined; signal?: AbortSignal | undefined } = {},
): Promise<OwnedDirectory> {
  const deadline = performance.now() + patience;
  for (;;) {
    signal?.throwIfAborted();
    const lock = await lockDirectory(stateDirectory);
    if (lock.kind === "owned") return lock;
    if (performance.now() > deadline) {
      const holder = lock.pid === undefined ? "another process" : `process ${lock.pid}`;
      throw new TrueupError("STORE_BUSY", `${holder} holds the state directory ${stateDirectory}`, {
        hint: "Wait for it to finish, or stop it; or give this one a `stateDirectory` of its own.",
      });
    }
    // An abort ends the wait; the loop's first line tells of it in the caller's words.
    await delay(POLL, undefined, { signal }).catch(() => undefined);
  }
}

interface Candidate {
  readonly server: Server;
  /** The name that it was bound under. */
  readonly bound: string;
}

async function listen(directory: string): Promise<Candidate> {
  const bound = join(directory, `trueup.${process.pid.toString(36)}-${randomBytes(4).toString("hex")}`);
  const server = createServer();
  server.on("connection", (socket) => {
    if (server.listenerCount("connection") === 1) socket.destroy();
  });
  server.listen(bound);
  await once(server, "listening");
  // Holding the directory is no reason for the process to go on.
  server.unref();
  // Whoever can connect can give orders.
  await chmod(bound, 0o600);
  return { server, bound };
}

/** True when `path` now leads to the candidate's socket, false when someone else has it or is about to. */
async function claim(candidate: Candidate, path: string): Promise<boolean> {
  for (;;) {
    if (await linked(candidate.bound, path)) return true;
    const found = await look(path);
    if (found.state === "alive") return false;
    if (found.state === "absent") continue;
    const guard = guardOf(path, found.inode);
    if (!(await claim(candidate, guard))) return false;
    try {
      if (await replaced(candidate, path, found.inode)) return true;
    } finally {
      await rm(guard, { force: true });
    }
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** To be called under the guard of the inode: nobody else replaces it meanwhile. False where it is another by now. */
async function replaced({ bound }: Candidate, path: string, inode: bigint): Promise<boolean> {
  const again = await look(path);
  if (again.state !== "dead" || again.inode !== inode) return false;
  // rename() takes the name that it is given away, so it gets one of its own.
  const second = `${bound}+`;
  await link(bound, second);
  await rename(second, path);
  return true;
}

/** A name of one length, however many guards of guards there are. */
function guardOf(path: string, inode: bigint): string {
  const digest = createHash("sha256")
    .update(`${basename(path)} ${inode}`)
    .digest("hex");
  return join(dirname(path), `${NAME}.${digest.slice(0, 16)}`);
}

type Found =
  { readonly state: "alive" } | { readonly state: "absent" } | { readonly state: "dead"; readonly inode: bigint };

/** The inode is read first: should the name lead elsewhere a moment later, the second look, under the guard, finds out. */
async function look(path: string): Promise<Found> {
  try {
    const { ino: inode } = await stat(path, { bigint: true });
    const code = await knock(path);
    return code === "ECONNREFUSED" ? { state: "dead", inode } : { state: "alive" };
  } catch (error) {
    if (codeOf(error) === "ENOENT") return { state: "absent" };
    throw error;
  }
}

/** How the socket answers: empty, ECONNREFUSED, or EAGAIN where more are waiting than the kernel lets. Other errors are thrown. */
async function knock(path: string): Promise<string> {
  const socket = connect(path);
  try {
    await once(socket, "connect");
    return "";
  } catch (error) {
    const code = codeOf(error);
    if (code === "ECONNREFUSED" || code === "EAGAIN") return code;
    throw error;
  } finally {
    socket.destroy();
  }
}

async function owned({ server }: Candidate, directory: string): Promise<OwnedDirectory> {
  const socketPath = join(directory, NAME);
  const { ino } = await stat(socketPath, { bigint: true });
  await writeFile(join(directory, PID), `${process.pid}\n`);
  await sweep(directory);
  const release = async (): Promise<void> => {
    if (!server.listening) return;
    // A state directory that was removed and made anew under us belongs to someone else.
    const now = await stat(socketPath, { bigint: true }).catch(() => undefined);
    if (now?.ino === ino) {
      await rm(join(directory, PID), { force: true });
      await rm(socketPath, { force: true });
    }
    server.close();
  };
  return { kind: "owned", server, socketPath, release };
}

async function held(directory: string): Promise<HeldDirectory> {
  const text = await readFile(join(directory, PID), "utf8").catch(() => "");
  const pid = Number.parseInt(text, 10);
  return { kind: "held", socketPath: join(directory, NAME), pid: Number.isNaN(pid) || !runs(pid) ? undefined : pid };
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

/** What candidates left that were killed in the few milliseconds between binding and linking. */
async function sweep(directory: string): Promise<void> {
  const candidates = (await readdir(directory)).filter((name) => /^trueup\.[0-9a-z]+-[0-9a-f]{8}\+?$/.test(name));
  for (const name of candidates) {
    const path = join(directory, name);
    const made = await stat(path).catch(() => undefined);
    if (made !== undefined && Date.now() - made.mtimeMs > 60_000) await rm(path, { force: true });
  }
}

function lockFailure(error: unknown, directory: string): unknown {
  if (error instanceof TrueupError || !(error instanceof Error)) return error;
  const denied = ["EACCES", "EPERM"].includes(codeOf(error));
  return new TrueupError(
    denied ? "PERMISSION_DENIED" : "WRITE_FAILED",
    `the state directory ${directory} cannot be used: ${error.message}`,
    {
      hint: denied
        ? "Give it to the user that Trueup runs as, or name another `stateDirectory` in trueup.yaml."
        : "`stateDirectory` must be a folder on a local file system with room left, where sockets and hard links can be made.",
      cause: error,
    },
  );
}
