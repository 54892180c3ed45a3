import { TrueupError, type ErrorCode } from "../../core/errors.js";
import type { Address } from "./connection.js";

/** What the driver throws, as far as it is of use: never its `detail`, `where` or `query`, which quote rows and values. */
export interface ServerFault {
  /** SQLSTATE, or Node's code of a network error. */
  readonly code: string;
  readonly message: string;
}

export function faultOf(error: unknown): ServerFault {
  if (!(error instanceof Error)) return { code: "", message: "unknown error" };
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return { code, message: error.message };
}

export interface FailureContext {
  readonly address: Address;
  /** Texts that must not be in the message: passwords, values. */
  readonly secrets: readonly string[];
  /** For what the server says that has no code of its own here. */
  readonly otherwise: ErrorCode;
  /** What to do where the role lacks a right. */
  readonly grant?: string | undefined;
}

interface Translation {
  readonly code: ErrorCode;
  readonly says: string;
  readonly hint?: string | undefined;
}

/** A fault as an error for people. The fault is not its cause: that would carry the row and the values along. */
export function failure(error: unknown, context: FailureContext): TrueupError {
  if (error instanceof TrueupError) return error;
  const fault = faultOf(error);
  const { code, says, hint } = connectionFault(fault, context.address) ??
    statementFault(fault, context) ?? { code: context.otherwise, says: fault.message };
  // The address holds no secret, and a short one may be a part of it.
  return new TrueupError(code, `${context.address.system}: ${redact(says, context.secrets)}`, { hint });
}

const UNREACHABLE =
  /^(ECONN|ENOTFOUND|EAI_|ETIMEDOUT|EHOST|ENET|EPIPE|08)|^(57P0[123]|53300)$|Connection terminated|timeout e(xpired|xceeded)|connection timeout/;
const SASL = /SASL|SCRAM/;
const CERTIFICATE = /^(CERT_|ERR_TLS|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/;

/** Whether the way to the server is what failed, so that another attempt on a fresh connection may do. */
export function isConnectionLost(error: unknown): boolean {
  const { code, message } = faultOf(error);
  return UNREACHABLE.test(code === "" ? message : code);
}

function connectionFault({ code, message }: ServerFault, address: Address): Translation | undefined {
  const { host, port, user, database } = address;
  if (code === "28P01" || SASL.test(message)) {
    return {
      code: "CONNECTION_DENIED",
      says: `the server refused the password of user "${user}"`,
      hint: "check user and password of the connection in trueup.yaml",
    };
  }
  if (code.startsWith("28")) {
    return {
      code: "CONNECTION_DENIED",
      says: message,
      hint: `check that user "${user}" exists, and that the server's pg_hba.conf lets it in`,
    };
  }
  if (code === "3D000") {
    return {
      code: "CONNECTION_FAILED",
      says: `database "${database}" does not exist`,
      hint: "check the database in the connection's url",
    };
  }
  const plain = message.includes("does not support SSL");
  if (CERTIFICATE.test(code) || plain) {
    return {
      code: "CONNECTION_FAILED",
      says: plain ? "the server does not offer TLS" : `the server's certificate is not trusted (${code})`,
      hint: plain
        ? "turn on `ssl` on the server, or say sslmode=disable in the connection's url"
        : "name the certificate authority's file in the connection's `ca`",
    };
  }
  if (!UNREACHABLE.test(code === "" ? message : code)) return undefined;
  const why = message === "" || code === "ECONNREFUSED" ? (code === "ECONNREFUSED" ? "refused" : code) : message;
  return {
    code: "CONNECTION_FAILED",
    says: `no connection: ${why}`,
    hint: `check that the server runs and that ${host}:${port} is reachable from here`,
  };
}

function statementFault({ code, message }: ServerFault, context: FailureContext): Translation | undefined {
  switch (code) {
    case "42501":
      return { code: "PERMISSION_DENIED", says: message, hint: context.grant };
    case "25006":
      return {
        code: "PERMISSION_DENIED",
        says: "the server is read-only, a standby perhaps",
        hint: "let the connection's url lead to the primary server",
      };
    case "55P03":
      return {
        code: "TARGET_TIMEOUT",
        says: "another session holds a lock on what is to be written",
        hint: "it is tried again; pg_stat_activity shows who holds it",
      };
    case "57014":
      return { code: "TARGET_TIMEOUT", says: message };
    case "53100":
      return { code: "WRITE_FAILED", says: "the server's disk is full" };
    default:
      return undefined;
  }
}

/** The message without the secrets: whole words only where a secret is so short that it may be part of any word. */
export function redact(message: string, secrets: readonly string[]): string {
  let text = message;
  for (const secret of [...new Set(secrets)].sort((a, b) => b.length - a.length)) {
    if (secret === "") continue;
    if (secret.length >= 6) text = text.replaceAll(secret, "•••");
    else
      text = text.replace(
        new RegExp(`(?<![\\w])${secret.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")}(?![\\w])`, "g"),
        "•••",
      );
  }
  return text;
}
