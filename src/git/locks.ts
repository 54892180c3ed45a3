import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/**
 * A lock file is left over when it is older than this.
 *
 * Git makes one, writes and renames it within milliseconds, and never holds it while it talks to a server; housekeeping that
 * holds one longer only gives up and is run again later. So the age alone tells a dead owner, also where another process or
 * another container shares the mirror; asking whether a process lives would not (process ids repeat from container to container).
 */
export const LOCK_AGE = 10_000;

/** Where git puts locks; the other folders under `objects` hold nothing but objects. */
const PLACES = [
  { folder: ".", recursive: false },
  { folder: "refs", recursive: true },
  { folder: "objects", recursive: false },
  { folder: "objects/info", recursive: true },
  { folder: "objects/pack", recursive: false },
] as const;

/** Removes left-over lock files of a bare repository and returns their names. */
export async function removeStaleLocks(repository: string, now = Date.now()): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const { folder, recursive } of PLACES) {
    for (const name of await names(join(repository, folder), recursive)) {
      const path = join(repository, folder, name);
      if (!/(\.lock|^gc\.pid)$/.test(name)) continue;
      const found = await stat(path).catch(() => undefined);
      if (found === undefined || now - found.mtimeMs < LOCK_AGE) continue;
      await rm(path, { force: true });
      removed.push(join(folder, name));
    }
  }
  return removed;
}

async function names(folder: string, recursive: boolean): Promise<readonly string[]> {
  return readdir(folder, { recursive }).catch(() => []);
}
