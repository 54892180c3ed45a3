import {
  closeSync,
  constants,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  realpathSync,
  type Stats,
  statSync,
} from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { TrueupError } from "../../core/errors.js";
import { errnoOf, fileFailure } from "./failure.js";

/**
 * Where a target's files are. `boundary` is the connection's root: nothing outside of it is read or written, whichever
 * links lead there. `folder` is the part of it that the target uses.
 */
export interface Root {
  readonly boundary: string;
  readonly folder: string;
}

/**
 * The real path of the file, all links resolved; undefined where there is no such file.
 * @throws TrueupError TARGET_REFUSED where links lead out of the boundary or nowhere
 */
export function realFile(root: Root, name: string): string | undefined {
  const path = join(root.folder, name);
  try {
    return inside(root, realpathSync.native(path), path);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  throw new TrueupError("TARGET_REFUSED", "the file is a symbolic link that leads nowhere", {
    where: { file: path },
    hint: "Make the file that it points to, below the root, or take the link away.",
  });
}

/** The real path of the folder that the file is in; makes the folders that are missing (0755, less the umask). */
export function makeFolderOf(root: Root, name: string): string {
  const path = dirname(join(root.folder, name));
  const missing: string[] = [];
  let existing = path;
  while (lstatSync(existing, { throwIfNoEntry: false }) === undefined) {
    missing.unshift(existing.slice(dirname(existing).length).replace(sep, ""));
    existing = dirname(existing);
  }
  let real = inside(root, realpathSync.native(existing), path);
  for (const segment of missing) {
    const parent = openFolder(real);
    try {
      mkdirSync(join(parent.path, segment), { mode: 0o755 });
      parent.sync();
    } finally {
      parent.close();
    }
    real = join(real, segment);
  }
  return real;
}

function inside(root: Root, real: string, shown: string): string {
  const way = relative(realpathSync.native(root.boundary), real);
  if (way !== ".." && !way.startsWith(`..${sep}`)) return real;
  throw new TrueupError("TARGET_REFUSED", "a symbolic link leads out of the connection's root", {
    where: { file: shown },
    hint: "Keep files and links below the root, or widen the connection's root in trueup.yaml.",
  });
}

/** A folder held open, so that what is done in it is done there, even if its path is made to lead elsewhere meanwhile. */
export interface Folder {
  /** A path for system calls. */
  readonly path: string;
  sync(): void;
  close(): void;
}

/**
 * Node has no `openat`. On Linux `/proc/self/fd/N` does the same; elsewhere the path itself is used, and a program that
 * may rename folders below the root could send a write elsewhere.
 */
export function openFolder(real: string): Folder {
  const fd = openSync(real, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    return {
      path: assertAt(fd, real) ?? real,
      sync: () => {
        syncFolder(fd);
      },
      close: () => {
        closeSync(fd);
      },
    };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function syncFolder(fd: number): void {
  try {
    fsyncSync(fd);
  } catch (error) {
    // Some network file systems cannot do it: what they promise of a rename is all there is.
    if (errnoOf(error) !== "EINVAL") throw error;
  }
}

/** Makes sure that the descriptor is what was found at that real path. Gives the descriptor's own path, where the system has one. */
export function assertAt(fd: number, real: string): string | undefined {
  const path = `/proc/self/fd/${fd}`;
  let actual: string;
  try {
    actual = readlinkSync(path);
  } catch {
    return undefined;
  }
  if (actual === real) return path;
  throw new TrueupError("TARGET_REFUSED", "the path was made to lead elsewhere while it was opened", {
    where: { file: real },
    hint: "Trueup tries again at the next pass; look at what renames folders below the root.",
  });
}

/**
 * A root that is gone (a disk not mounted, a wrong path) is an error, never "all files are missing".
 * @throws TrueupError TARGET_INVALID, PERMISSION_DENIED
 */
export function requireRoot(root: Root): void {
  const file = root.boundary;
  let stat: Stats | undefined;
  try {
    stat = statSync(file, { throwIfNoEntry: false });
  } catch (error) {
    throw fileFailure("read", file, error);
  }
  if (stat?.isDirectory() === true) return;
  throw new TrueupError("TARGET_INVALID", `the connection's root is ${stat === undefined ? "missing" : "no folder"}`, {
    where: { file },
    hint: "Make the folder (or mount what belongs there), or correct `root` of the connection in trueup.yaml.",
  });
}
