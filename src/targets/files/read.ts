import { isUtf8 } from "node:buffer";
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { type Position, TrueupError } from "../../core/errors.js";
import { LIMITS } from "../../core/limits.js";
import { assertAt } from "./place.js";

/** A file's content and the stat that belongs to it. */
export interface LiveFile {
  readonly real: string;
  readonly bytes: Buffer;
  readonly stat: BigIntStats;
}

/** How often a file is read again that was written to while it was read. */
const ATTEMPTS = 5;

/**
 * Reads a regular file at its real path; `shown` is its name in errors. A failed system call is thrown as it is.
 * @throws TrueupError LIVE_INVALID for what is no regular file or never holds still; DOCUMENT_TOO_LARGE
 */
export function readFile(real: string, shown: string): LiveFile {
  // O_NONBLOCK: opening a pipe must not wait for its writer. O_NOFOLLOW: the path has its links resolved.
  const fd = openSync(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    assertAt(fd, real);
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const stat = fstatSync(fd, { bigint: true });
      if (!stat.isFile())
        throw invalid(shown, `${stat.isDirectory() ? "a folder" : "a special file"}, not a regular file`);
      if (stat.size > LIMITS.bytes) throw tooLarge(shown, stat.size);
      const bytes = Buffer.alloc(Number(stat.size));
      if (fill(fd, bytes) && sameStat(stat, fstatSync(fd, { bigint: true }))) return { real, bytes, stat };
    }
  } finally {
    closeSync(fd);
  }
  throw invalid(shown, "written to all the time while it is read");
}

function fill(fd: number, bytes: Buffer): boolean {
  let done = 0;
  while (done < bytes.length) {
    const count = readSync(fd, bytes, done, bytes.length - done, done);
    if (count === 0) return false;
    done += count;
  }
  return true;
}

/** Whether nothing was written to the file in between, as far as a stat can tell. */
export function sameStat(a: BigIntStats, b: BigIntStats): boolean {
  return a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs && a.size === b.size && a.ino === b.ino && a.dev === b.dev;
}

/** The text with its BOM. @throws TrueupError LIVE_INVALID with the place of the first byte that is not UTF-8 */
export function decode(bytes: Buffer, shown: string): string {
  if (isUtf8(bytes)) return bytes.toString("utf8");
  throw new TrueupError("LIVE_INVALID", "the file is not UTF-8 text", {
    where: { file: shown, ...positionOfFault(bytes) },
    hint: "Convert the file to UTF-8, or take it out of the target.",
  });
}

function positionOfFault(bytes: Buffer): Position {
  // Each faulty byte decodes to U+FFFD, which encodes to other bytes again.
  const again = Buffer.from(bytes.toString("utf8"), "utf8");
  const good = bytes.subarray(0, differsFrom(bytes, again)).toString("utf8");
  const lines = good.split("\n");
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}

/** The index of the first byte in which the two differ. */
export function differsFrom(a: Buffer, b: Buffer): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) if (a[index] !== b[index]) return index;
  return length;
}

function invalid(file: string, what: string): TrueupError {
  return new TrueupError("LIVE_INVALID", `the live file is ${what}`, { where: { file } });
}

function tooLarge(file: string, size: bigint): TrueupError {
  return new TrueupError("DOCUMENT_TOO_LARGE", `the live file has ${size} bytes; the limit is ${LIMITS.bytes}`, {
    where: { file },
  });
}
