import { randomBytes } from "node:crypto";
import { lstatSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "./failure.js";

/** Tells the temporary files of this process from those of a dead one that had the same id, as the first process of a container does. */
const RUN = randomBytes(4).toString("hex");
const NAME = /^\..+\.trueup-(?<pid>\d+)-(?<run>[0-9a-f]{8})[0-9a-f]{8}$/;
/** A write takes milliseconds: a temporary file this old is nobody's, whoever has its process id now. */
const STALE_AFTER_MS = 3_600_000;

/** Characters of the file's name that its temporary file keeps: a name is at most 255 bytes, a character up to three. */
const LEGIBLE = 60;

/** Hidden, beside the file (a rename must not cross file systems), and named so that `sweep` knows whose it is. */
export function temporaryName(base: string): string {
  return `.${base.slice(0, LEGIBLE)}.trueup-${process.pid}-${RUN}${randomBytes(4).toString("hex")}`;
}

export function isTemporary(base: string): boolean {
  return NAME.test(base);
}

/** Removes the temporary files that a killed process left in the folder. What cannot be listed or removed is left. */
export function sweep(folder: string): void {
  for (const base of list(folder)) {
    const owner = NAME.exec(base)?.groups;
    if (owner === undefined) continue;
    const path = join(folder, base);
    const own = Number(owner.pid) === process.pid;
    if (own ? owner.run !== RUN : !isAlive(Number(owner.pid)) || isOld(path)) remove(path);
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== "ESRCH";
  }
}

function isOld(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.ctimeMs > STALE_AFTER_MS;
}

function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Another write will be tried all the same, and says what is wrong with the folder.
  }
}
