import { TrueupError, type ErrorCode } from "../core/errors.js";

interface Meaning {
  readonly code: ErrorCode;
  readonly what: string;
  readonly hint: string;
}

const UNREACHABLE: Meaning = {
  code: "CONNECTION_FAILED",
  what: "cannot be reached",
  hint: "Check host, port and network of `store:` in trueup.yaml, and that the server is up.",
};
const DENIED: Meaning = {
  code: "CONNECTION_DENIED",
  what: "refuses the login",
  hint: "Check user and password of `store:` in trueup.yaml, and pg_hba.conf on the server.",
};
const FULL: Meaning = { code: "WRITE_FAILED", what: "has no room left", hint: "Free space on its disk." };

/** By SQLSTATE, or its class of two characters, or the system's error code. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  "08": UNREACHABLE,
  "57P": UNREACHABLE, // shutting down, starting up, terminated by an administrator
  ECONNREFUSED: UNREACHABLE,
  ECONNRESET: UNREACHABLE,
  EHOSTUNREACH: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  ENOTFOUND: UNREACHABLE,
  EAI_AGAIN: UNREACHABLE,
  ETIMEDOUT: UNREACHABLE,
  EPIPE: UNREACHABLE,
  "28": DENIED,
  "3D": {
    code: "CONNECTION_FAILED",
    what: "has no such database",
    hint: "Create it (`CREATE DATABASE`), or correct the name in `store:` of trueup.yaml.",
  },
  "42501": {
    code: "PERMISSION_DENIED",
    what: "does not allow this role to do that",
    hint: "Let the role own the schema: `CREATE SCHEMA trueup AUTHORIZATION <role>`, or `GRANT CREATE ON DATABASE` to it.",
  },
  "25006": {
    code: "STORE_FAILED",
    what: "is read-only",
    hint: "Point `store:` in trueup.yaml at the primary, not at a standby.",
  },
  "53300": {
    code: "CONNECTION_FAILED",
    what: "has no connection to spare",
    hint: "Raise max_connections, or close connections that nobody uses.",
  },
  "53100": FULL,
  ENOSPC: FULL,
};

/** Any error of the database as one for people. Neither values nor the password can be in it: the server never quotes them. */
export function storeFailure(error: unknown, name: string): TrueupError {
  if (error instanceof TrueupError) return error;
  // A host with several addresses fails with one error for each; they differ in the address only.
  const cause: unknown = error instanceof AggregateError ? (error.errors[0] ?? error) : error;
  const text = cause instanceof Error ? cause.message : String(cause);
  const meaning = meaningOf(codeOf(cause), text);
  return meaning === undefined
    ? new TrueupError("STORE_FAILED", `${name} failed: ${text}`, { cause })
    : new TrueupError(meaning.code, `${name} ${meaning.what}: ${text}`, { hint: meaning.hint, cause });
}

/** The SQLSTATE of a server's error, or the system's code; empty where there is none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

function meaningOf(code: string, text: string): Meaning | undefined {
  // node-postgres gives these no code.
  if (/^Connection terminated|timeout exceeded when trying to connect/.test(text)) return UNREACHABLE;
  if (/SASL|SCRAM/.test(text)) return DENIED;
  return [code, code.slice(0, 3), code.slice(0, 2)]
    .filter((key) => Object.hasOwn(MEANINGS, key))
    .map((key) => MEANINGS[key])[0];
}
