import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import pRetry from "p-retry";
import { TrueupError } from "../core/errors.js";
import { git, GitExit, GitSilent, gitVersion, type Place } from "./command.js";
import { isLocked } from "./failure.js";
import { LOCK_AGE, removeStaleLocks } from "./locks.js";

/** Reference name (`refs/heads/…`, `refs/tags/…`) to object id. */
export type Refs = ReadonlyMap<string, string>;

/** Branches and tags, and nothing else: forges keep a reference for every pull request ever made. */
const REFSPECS = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];

/** The mirror says in this file of git's whose it is; git itself never reads it. */
const OWNER = "description";

const HOUR = 3_600_000;

/** What the remote has now; a fetch follows it. @throws TrueupError GIT_REVISION_MISSING where it has no branch at all. */
export async function listRemote(place: Place, signal: AbortSignal): Promise<Refs> {
  await place.renew(signal);
  const output = await git(place, ["ls-remote", "--heads", "--tags", "--refs", "--", place.remote.url], signal);
  const refs = parseRefs(output, "\t");
  if ([...refs.keys()].some((name) => name.startsWith("refs/heads/"))) return refs;
  throw new TrueupError("GIT_REVISION_MISSING", `${place.remote.url} is empty: it has no branch yet`, {
    hint: "Push the environments repository there first.",
  });
}

/** What the mirror has. */
export async function listLocal(place: Place, signal: AbortSignal): Promise<Refs> {
  return parseRefs(await git(place, ["for-each-ref", "--format=%(objectname) %(refname)"], signal), " ");
}

function parseRefs(output: string, separator: string): Refs {
  const lines = output.split("\n").filter((line) => line.includes(separator));
  return new Map(
    lines.map((line) => [line.slice(line.indexOf(separator) + 1), line.slice(0, line.indexOf(separator))]),
  );
}

/** Follows the remote: moved, rewritten, new and deleted branches and tags. Waits for another process's lock. */
export async function fetchMirror(place: Place, signal: AbortSignal): Promise<void> {
  // --progress is a sign of life, so that a long first fetch is not taken for a silent server.
  const flags = ["--prune", "--progress", "--no-write-fetch-head", "--no-recurse-submodules", "--no-tags"];
  // Housekeeping may take long and says nothing; as a part of the fetch it would be taken for a silent server.
  flags.push("--no-auto-maintenance");
  await pRetry(() => git(place, ["fetch", ...flags, "--", place.remote.url, ...REFSPECS], signal), {
    // Long enough for any left-over lock to reach the age at which it is removed.
    retries: Math.ceil(LOCK_AGE / 1000) + 5,
    minTimeout: 250,
    maxTimeout: 1000,
    signal,
    shouldRetry: ({ error }) => isLocked(error),
    onFailedAttempt: async ({ error }) => {
      if (isLocked(error)) await removeStaleLocks(place.folder);
    },
  });
}

/**
 * Brings what one reference of the remote leads to, without a reference of the mirror's own: for housekeeping it is rubbish from
 * then on, which git keeps for two weeks.
 */
export async function fetchOne(place: Place, ref: string, signal: AbortSignal): Promise<void> {
  const flags = [
    "--progress",
    "--no-write-fetch-head",
    "--no-recurse-submodules",
    "--no-tags",
    "--no-auto-maintenance",
  ];
  await place.renew(signal);
  await git(place, ["fetch", ...flags, "--", place.remote.url, ref], signal);
}

/** Packs what many fetches have piled up, once in a while. A failure costs nothing but room until it is run again. */
export async function housekeep(place: Place, signal: AbortSignal): Promise<void> {
  if (Math.random() > 0.01) return;
  try {
    await git(place, ["gc", "--auto", "--quiet"], signal);
  } catch (error) {
    if (!(error instanceof GitExit || error instanceof GitSilent)) throw error;
  }
}

/** Makes the mirror anew, beside the old one, which it replaces only when it is whole. Returns what it has. */
export async function buildMirror(place: Place, advertised: Refs, signal: AbortSignal): Promise<Refs> {
  const { installed, major, minor } = await gitVersion(place, signal);
  if (installed && (major < 2 || (major === 2 && minor < 39))) {
    throw new TrueupError("GIT_FAILED", `git ${major}.${minor} is too old`, { hint: "Install git 2.39 or newer." });
  }
  await removeLeftovers(place);
  const old = await identity(place.folder);
  const folder = await mkdtemp(`${place.folder}.new-`);
  const fresh = { ...place, folder };
  try {
    const format = isSha256(advertised) ? "sha256" : "sha1";
    await git(fresh, ["init", "--quiet", "--bare", "--template=", `--object-format=${format}`], signal);
    await writeFile(join(folder, OWNER), ownerLine(place));
    await fetchMirror(fresh, signal);
    const refs = await listLocal(fresh, signal);
    if (await replace(place.folder, { old, fresh: folder })) return refs;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  await fetchMirror(place, signal);
  return listLocal(place, signal);
}

/** False where another process has put a new mirror there meanwhile: that one stays, for it may be in use. */
async function replace(folder: string, { old, fresh }: { old: string | undefined; fresh: string }): Promise<boolean> {
  const current = await identity(folder);
  if (current !== old) return false;
  const aside = await mkdtemp(`${folder}.old-`);
  try {
    if (current !== undefined) await rename(folder, join(aside, "mirror"));
    await rename(fresh, folder);
    return true;
  } catch (error) {
    if (isPathError(error, "ENOENT", "ENOTEMPTY", "EEXIST")) return false;
    throw error;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

/** Tells one folder of the same name from the next; inode numbers alone are used again at once. */
async function identity(folder: string): Promise<string | undefined> {
  try {
    const { ino, birthtimeMs } = await stat(folder);
    return `${ino} ${birthtimeMs}`;
  } catch (error) {
    if (isPathError(error, "ENOENT")) return undefined;
    throw error;
  }
}

function isPathError(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.some((code) => code === error.code);
}

/** What a killed process left beside the mirror. The age spares what another process is just making. */
async function removeLeftovers({ folder }: Place): Promise<void> {
  const parent = dirname(folder);
  const prefixes = [`${basename(folder)}.new-`, `${basename(folder)}.old-`];
  for (const name of await readdir(parent)) {
    if (!prefixes.some((prefix) => name.startsWith(prefix))) continue;
    const { mtimeMs } = await stat(join(parent, name));
    if (Date.now() - mtimeMs > HOUR) await rm(join(parent, name), { recursive: true, force: true });
  }
}

/**
 * Whether the folder holds this remote's mirror. False: there is none, or one of another remote, which may be replaced.
 * @throws TrueupError GIT_FAILED where it holds something that is not Trueup's.
 */
export async function isMirror(place: Place): Promise<boolean> {
  const content = await readdir(place.folder).catch(() => []);
  if (content.length === 0) return false;
  const owner = await readFile(join(place.folder, OWNER), "utf8").catch(() => "");
  if (!owner.startsWith(ownerLine())) {
    throw new TrueupError("GIT_FAILED", `${place.folder} is not empty and not a mirror that Trueup made`, {
      hint: "Choose another stateDirectory, or remove that folder.",
    });
  }
  return owner === ownerLine(place);
}

function ownerLine(place?: Place): string {
  return `Trueup's mirror of ${place === undefined ? "" : `${place.remote.url}\n`}`;
}

function isSha256(refs: Refs): boolean {
  return [...refs.values()].some((id) => id.length === 64);
}
