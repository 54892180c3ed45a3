import { type ErrorCode, TrueupError } from "../../core/errors.js";

const HINTS: Readonly<Record<string, string>> = {
  EACCES: "Let the user that runs Trueup read and write the file and its folder.",
  EPERM:
    "Let the user that runs Trueup read and write the file and its folder; look for the immutable attribute (lsattr).",
  EROFS: "The file system is mounted read-only: mount it writable, or take the file out of the target.",
  ENOSPC: "Free some space on the file system; the file is as it was.",
  EDQUOT: "The disk quota is used up; the file is as it was.",
  ENOTDIR: "A file stands where a folder of the path should be.",
  ELOOP: "Take the symbolic link away, or point it to a file below the root.",
};

export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** A failed system call in words. What the kernel says of a file is a code and a path, never its content. */
export function fileFailure(doing: "read" | "write", file: string, error: unknown): TrueupError {
  if (error instanceof TrueupError) return error;
  const errno = errnoOf(error);
  if (errno === undefined) {
    return new TrueupError("INTERNAL", `an unexpected fault while Trueup ${doing}s the file`, {
      where: { file },
      cause: error,
    });
  }
  return new TrueupError(codeOf(doing, errno), `cannot ${doing} the file (${errno})`, {
    where: { file },
    hint: HINTS[errno],
    cause: error,
  });
}

function codeOf(doing: "read" | "write", errno: string): ErrorCode {
  if (errno === "EACCES" || errno === "EPERM") return "PERMISSION_DENIED";
  if (errno === "ELOOP") return "TARGET_REFUSED";
  return doing === "read" ? "LIVE_INVALID" : "WRITE_FAILED";
}

/** Writing in place failed, and so did putting the old content back. */
export function tornFailure(file: string, error: unknown): TrueupError {
  return new TrueupError("WRITE_FAILED", `writing the file failed halfway (${errnoOf(error) ?? "unknown"})`, {
    where: { file },
    hint: "The file may hold parts of the old and the new content: look at it before its program reads it again.",
    cause: error,
  });
}

/** A live file that does not parse: formats speak of documents, and do not know that this one is live. */
export function liveFault(file: string, error: unknown): TrueupError {
  if (!(error instanceof TrueupError)) throw error;
  const code = error.code === "DOCUMENT_TOO_LARGE" || error.code === "PERMISSION_DENIED" ? error.code : "LIVE_INVALID";
  return new TrueupError(code, error.message, { where: { ...error.where, file }, hint: error.hint });
}
