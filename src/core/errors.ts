/**
 * Every error that a person may meet has a code, says what is wrong and where, and what to do about it.
 * `docs/errors.md` documents each code; a test holds the two lists together.
 */
export const ERROR_CODES = [
  "USAGE", // the command line's words are off
  "CONFIG_INVALID", // trueup.yaml
  "ENVIRONMENT_INVALID", // environment.yaml, a layer, a list rule
  "DOCUMENT_INVALID", // a desired document that does not parse or validate
  "DOCUMENT_TOO_LARGE", // size, depth or alias bounds
  "DOCUMENT_UNREPRESENTABLE", // a value that the format or the target cannot hold
  "LIVE_INVALID", // a live document that does not parse
  "POLICY_INVALID",
  "SECRET_MISSING",
  "GIT_FAILED",
  "GIT_REVISION_MISSING", // a branch, commit or folder that is not there
  "GIT_UNSUPPORTED", // submodules, LFS pointers, git-crypt blobs
  "GIT_UNSIGNED",
  "GIT_UNRELATED", // two branches without a common ancestor
  "GIT_MOVED", // a branch that moved while a commit for it was made
  "CONNECTION_FAILED", // unreachable, refused, timed out on the way
  "CONNECTION_DENIED", // authentication
  "PERMISSION_DENIED", // authenticated, but not allowed
  "TARGET_INVALID", // a table without the columns, a prefix that is no prefix
  "TARGET_REFUSED", // outside what the connection lets targets reach
  "TARGET_CONFLICT", // two targets claim the same thing
  "TARGET_TIMEOUT",
  "WRITE_FAILED", // a full disk, a read-only file system, a rejected value
  "STORE_FAILED",
  "STORE_TOO_NEW",
  "STORE_BUSY", // another process holds the embedded store or the lease
  "GUARD_REFUSED", // blast radius, sudden loss, a freeze
  "APPROVAL_REQUIRED",
  "DELIVERY_FAILED", // a notifier or forge that may answer later
  "DELIVERY_REFUSED", // a notifier or forge that will never take it
  "ABORTED",
  "INTERNAL", // a fault of Trueup's own
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/** A place in a text: line and column count from 1; the column counts UTF-16 code units, as editors do. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface Place extends Partial<Position> {
  /** A path as the reader knows it: relative to the environments repository, or as given on the command line. */
  readonly file: string;
}

export interface ErrorDetails {
  readonly where?: Place | undefined;
  /** What to do, as a sentence. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** Milliseconds after which another attempt makes sense, where the other side said so. */
  readonly retryAfter?: number | undefined;
}

export class TrueupError extends Error {
  override readonly name = "TrueupError";
  readonly code: ErrorCode;
  readonly where: Place | undefined;
  readonly hint: string | undefined;
  readonly retryAfter: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.code = code;
    this.where = details.where;
    this.hint = details.hint;
    this.retryAfter = details.retryAfter;
  }
}

/** `file`, `file:line` or `file:line:column`, the form that editors and terminals make a link of. */
export function formatPlace(place: Place): string {
  return [place.file, place.line, place.column].filter((part) => part !== undefined).join(":");
}

export function isErrorCode(text: string): text is ErrorCode {
  return (ERROR_CODES as readonly string[]).includes(text);
}
