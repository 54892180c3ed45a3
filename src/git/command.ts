import { mkdir } from "node:fs/promises";
import { devNull } from "node:os";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import type { SimpleGit } from "simple-git";
import { PROTOCOLS, type Remote } from "./remote.js";

/** Where a command runs: the repository that it works in, and what it needs to reach the remote. */
export interface Place {
  /** A bare repository; need not exist for `ls-remote` and `init`. */
  readonly folder: string;
  readonly remote: Remote;
  /** Brings `remote` a credential that lasts for a while only; called before each command that asks the remote. */
  renew(signal: AbortSignal): Promise<void>;
  /** Milliseconds without any output after which a command is given up. */
  readonly timeout: number;
  /** Ends every command. */
  readonly closed: AbortSignal;
}

/** A git process that ended with an error. `stderr` is as git wrote it: not redacted, never to be shown. */
export class GitExit extends Error {
  readonly code: number | null;
  readonly stderr: string;
  constructor(code: number | null, stderr: string) {
    super("git failed");
    this.code = code;
    this.stderr = stderr;
  }
}

/** A git process that said nothing for too long. */
export class GitSilent extends Error {}

/** What a fetch says, and succeeds, where the remote has branches whose history is cut off: it leaves them out. */
export const SHALLOW = /^warning: rejected .*shallow roots are not allowed to be updated/m;

/** What a command gets besides its arguments. */
export interface Given {
  /** Its standard input. */
  readonly input?: Buffer;
  readonly env?: Readonly<Record<string, string>>;
  /** Exit codes besides 0 that are an answer, and no failure. */
  readonly accept?: readonly number[];
}

/** The standard output of `git <args>`. @throws GitExit, GitSilent, or the signal's reason. */
export async function git(
  place: Place,
  args: readonly string[],
  signal: AbortSignal,
  given: Given = {},
): Promise<string> {
  return run(place, (instance) => instance.raw([...args]), { signal, ...given });
}

/** The output of `git cat-file --batch` for these object ids. */
export async function catFiles(place: Place, ids: readonly string[], signal: AbortSignal): Promise<Buffer> {
  const input = Buffer.from(ids.map((id) => `${id}\n`).join(""));
  return run(place, (instance) => instance.binaryCatFile(["--batch"]) as PromiseLike<Buffer>, { signal, input });
}

export async function gitVersion(place: Place, signal: AbortSignal) {
  return run(place, (instance) => instance.version(), { signal });
}

/**
 * Nothing that lies around may change what git does: no hook, no pager, no prompt, no repository found by walking up. The
 * operator's own git configuration counts (proxies, certificates, credential helpers), as does what it takes to reach a server.
 */
const SETTINGS = [
  `core.hooksPath=${devNull}`,
  "core.fsmonitor=false",
  "log.showSignature=false",
  // What a conflict looks like is read by conflict-markers.ts.
  "merge.conflictStyle=merge",
  // A housekeeper that outlives its command would hold locks of which nobody knows the owner.
  "gc.autoDetach=false",
];

/** Variables of git's that the operator may set; all others are taken out of the child's environment. */
const PASSED_ON = /^GIT_(SSH_VARIANT|SSL_\w+|CONFIG_GLOBAL|CONFIG_SYSTEM|CONFIG_NOSYSTEM)$/;
const LEFT_OUT = /^(GIT_.*|EDITOR|VISUAL|PAGER|PREFIX|SSH_ASKPASS)$/i;

/**
 * Loads simple-git with its debug output off: `DEBUG=*` makes it print the environment of each child, and the credential is
 * in there. The variable is read as the library loads; a name with a minus is left out whatever else it says.
 */
async function loadLibrary() {
  const { DEBUG } = process.env;
  if (DEBUG !== undefined && !DEBUG.includes("-simple-git*")) process.env.DEBUG = `${DEBUG},-simple-git*`;
  return import("simple-git");
}

let library: ReturnType<typeof loadLibrary> | undefined;

async function run<T>(
  place: Place,
  task: (instance: SimpleGit) => PromiseLike<T>,
  { signal, input, env: own = {}, accept = [] }: Given & { signal: AbortSignal },
): Promise<T> {
  const { simpleGit } = await (library ??= loadLibrary());
  await mkdir(dirname(place.folder), { recursive: true });
  // By hand, not AbortSignal.any: its signals stay in memory as long as one of their sources lives, which here is for ever.
  const stop = new AbortController();
  const signals = [signal, place.closed];
  const forward = (): void => {
    stop.abort(signals.find(({ aborted }) => aborted)?.reason);
  };
  for (const each of signals) each.throwIfAborted();
  for (const each of signals) each.addEventListener("abort", forward);
  const timer = setTimeout(() => {
    stop.abort(new GitSilent());
  }, place.timeout);
  const env = { ...environment(place), ...own };
  let failure: Error | undefined;
  const instance = simpleGit({
    baseDir: dirname(place.folder),
    abort: stop.signal,
    // The transport's own process outlives git where a server is silent, so it gets a limit of its own.
    config: [...SETTINGS, "http.lowSpeedLimit=1", `http.lowSpeedTime=${Math.max(1, Math.ceil(place.timeout / 1000))}`],
    // The default takes what has arrived 50 ms after the exit for all: a busy process would cut a long output short.
    completion: { onClose: true, onExit: false },
    allowEnvironment: Object.keys(env).filter((name) => LEFT_OUT.test(name)),
    unsafe: OUR_OWN,
    errors: (error, { exitCode, stdErr }) => {
      if (exitCode === 0 && !stdErr.some((part) => SHALLOW.test(part.toString()))) return error;
      if (accept.includes(exitCode)) return undefined;
      // simple-git would make an error of its own kind of it: all text, no exit code.
      failure = new GitExit(exitCode, Buffer.concat(stdErr).toString());
      return failure;
    },
    ...(input !== undefined && { input: () => input }),
  });
  instance.outputHandler((_command, stdout, stderr) => {
    for (const stream of [stdout, stderr].filter((each) => each instanceof Readable)) {
      stream.on("data", () => timer.refresh());
      // The transport also holds git's output open: without this the command would end only with it.
      stop.signal.addEventListener("abort", () => stream.destroy());
    }
  });
  try {
    return await task(instance.env(env));
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : (failure ?? error);
  } finally {
    clearTimeout(timer);
    for (const each of signals) each.removeEventListener("abort", forward);
  }
}

/** What simple-git refuses because the value could come from a stranger. Here all are constants or the operator's own. */
const OUR_OWN = {
  allowUnsafeAskPass: true,
  allowUnsafeConfigEnvCount: true,
  allowUnsafeConfigPaths: true,
  allowUnsafeCredentialHelper: true,
  allowUnsafeFsMonitor: true,
  allowUnsafeGpgProgram: true,
  allowUnsafeHooksPath: true,
  allowUnsafeSshCommand: true,
  allowUnsafeTemplateDir: true,
};

function environment(place: Place): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && (PASSED_ON.test(name) || !LEFT_OUT.test(name))) env[name] = value;
  }
  Object.entries(place.remote.settings).forEach(([name, value], index) => {
    env[`GIT_CONFIG_KEY_${index}`] = name;
    env[`GIT_CONFIG_VALUE_${index}`] = value;
  });
  return Object.assign(env, {
    GIT_CONFIG_COUNT: String(Object.keys(place.remote.settings).length),
    GIT_DIR: place.folder,
    GIT_LITERAL_PATHSPECS: "1",
    GIT_ALLOW_PROTOCOL: PROTOCOLS.join(":"),
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "",
    GIT_SSH_COMMAND: `${process.env.GIT_SSH_COMMAND ?? "ssh"} -oBatchMode=yes -oConnectTimeout=20`,
    LC_ALL: "C", // messages are read by failure.ts
    LANGUAGE: "",
  });
}
