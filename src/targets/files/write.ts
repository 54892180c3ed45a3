import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsync as fsyncCallback,
  ftruncateSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { errnoOf, tornFailure } from "./failure.js";
import { type Folder, openFolder } from "./place.js";
import { differsFrom, type LiveFile, sameStat } from "./read.js";
import { sweep, temporaryName } from "./temporary.js";

/** The one slow call: it must not hold up the other targets. */
const fsync = promisify(fsyncCallback);

export interface WriteRequest {
  /** The real path; its folder is there. */
  readonly real: string;
  /** The file as it was read; undefined where there was none. */
  readonly old: LiveFile | undefined;
  readonly content: Buffer;
  /** Permission bits of a new file; an old file keeps its own. `exact`: whatever the umask says. */
  readonly mode: { readonly bits: number; readonly exact: boolean };
  /** Never puts another file in the old one's place: some readers hold on to it, such as a container's bind mount. */
  readonly inPlace: boolean;
}

/** `moved`: the file is no longer what was read, and nothing was written. */
export type Written = "written" | "moved";

/** Where no other file can take the old one's place, or not under its owner, though the old one may be writable. */
const IN_PLACE_INSTEAD = new Set(["EBUSY", "EXDEV", "EACCES", "EPERM", "EROFS"]);

/**
 * Writes a whole file. Whenever the process is killed, the file holds the old or the new content; only writing in place,
 * where nothing else is possible, can be caught in the middle. A failed system call is thrown as it is, the old file whole.
 */
export async function writeFile(request: WriteRequest): Promise<Written> {
  const { old, content } = request;
  const folder = openFolder(dirname(request.real));
  try {
    sweep(folder.path);
    // A rename would part the file from its other names (hard links).
    if (old !== undefined && (request.inPlace || old.stat.nlink > 1n)) return await overwrite(folder, old, content);
    try {
      return await replace(folder, request);
    } catch (error) {
      if (old === undefined || !IN_PLACE_INSTEAD.has(errnoOf(error) ?? "")) throw error;
      return await overwrite(folder, old, content);
    }
  } finally {
    folder.close();
  }
}

async function replace(folder: Folder, { real, old, content, mode }: WriteRequest): Promise<Written> {
  const base = basename(real);
  const temporary = join(folder.path, temporaryName(base));
  const { O_CREAT, O_EXCL, O_WRONLY } = constants;
  const fd = openSync(temporary, O_CREAT | O_EXCL | O_WRONLY, old === undefined ? mode.bits : 0o600);
  try {
    if (old !== undefined) keepOwner(fd, old);
    else if (mode.exact) fchmodSync(fd, mode.bits);
    writeAll(fd, content, 0);
    await fsync(fd);
    if (!isUnchanged(join(folder.path, base), old)) return "moved";
    renameSync(temporary, join(folder.path, base));
    folder.sync();
    return "written";
  } finally {
    closeSync(fd);
    rmSync(temporary, { force: true });
  }
}

/** EPERM where this process may not give the file away; the mode comes last, as a change of owner clears its set-id bits. */
function keepOwner(fd: number, { stat }: LiveFile): void {
  const made = fstatSync(fd, { bigint: true });
  if (made.uid !== stat.uid || made.gid !== stat.gid) fchownSync(fd, Number(stat.uid), Number(stat.gid));
  fchmodSync(fd, Number(stat.mode & 0o7777n));
}

/** Writes from the first byte that differs, in one call, so that the moment in which a crash could tear the file is short. */
async function overwrite(folder: Folder, old: LiveFile, content: Buffer): Promise<Written> {
  const path = join(folder.path, basename(old.real));
  const fd = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!sameStat(fstatSync(fd, { bigint: true }), old.stat)) return "moved";
    const from = differsFrom(old.bytes, content);
    try {
      writeAll(fd, content, from);
      ftruncateSync(fd, content.length);
    } catch (error) {
      restore(fd, old, from);
      throw error;
    }
    await fsync(fd);
    return "written";
  } finally {
    closeSync(fd);
  }
}

function restore(fd: number, old: LiveFile, from: number): void {
  try {
    writeAll(fd, old.bytes, from);
    ftruncateSync(fd, old.bytes.length);
  } catch (error) {
    throw tornFailure(old.real, error);
  }
}

/** Removes the entry `base` of the folder: the file that was read, or a link to it. The folder stays, even when empty. */
export function removeFile(realFolder: string, base: string, old: LiveFile): Written {
  const folder = openFolder(realFolder);
  try {
    sweep(folder.path);
    if (!isUnchanged(old.real, old)) return "moved";
    unlinkSync(join(folder.path, base));
    folder.sync();
    return "written";
  } finally {
    folder.close();
  }
}

function isUnchanged(path: string, old: LiveFile | undefined): boolean {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined || old === undefined ? stat === old?.stat : sameStat(stat, old.stat);
}

function writeAll(fd: number, bytes: Buffer, from: number): void {
  let done = from;
  while (done < bytes.length) done += writeSync(fd, bytes, done, bytes.length - done, done);
}
