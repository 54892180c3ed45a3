import { TrueupError } from "../../core/errors.js";

/** CONNACK codes: of 3.1.1 below 128, of MQTT 5 from there on. */
const VERSION_REFUSED = new Set([1, 132]);
const LOGIN_REFUSED = new Set([4, 5, 134, 135, 138]);
const CLIENT_ID_REFUSED = new Set([2, 133]);
const BUSY = new Set([3, 136, 137, 151, 159]);

const NETWORK: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "the host name does not resolve",
  EAI_AGAIN: "the host name cannot be resolved now",
  ETIMEDOUT: "it does not answer",
  EHOSTUNREACH: "there is no route to the host",
  ENETUNREACH: "there is no route to the network",
  ECONNRESET: "it hung up",
  EPIPE: "it hung up",
};

const SPEAKS_TLS = "a broker that only speaks TLS hangs up on `mqtt://`, and one without on `mqtts://`";

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}

export function isVersionRefused(error: unknown): boolean {
  const code = codeOf(error);
  if (typeof code === "number") return VERSION_REFUSED.has(code);
  return error instanceof Error && error.message.includes("before it answered");
}

/** Why no connection came about, in words without any credential. */
export function connectionError(error: unknown, address: string): TrueupError {
  if (error instanceof TrueupError) return error;
  const code = codeOf(error);
  const failed = (why: string, hint?: string) =>
    new TrueupError("CONNECTION_FAILED", `cannot connect to the broker ${address}: ${why}`, { hint, cause: error });
  if (typeof code === "number") {
    if (LOGIN_REFUSED.has(code)) {
      return new TrueupError("CONNECTION_DENIED", `the broker ${address} refuses the login`, {
        hint: "check the connection's username and password, and what the broker lets that client do",
      });
    }
    if (CLIENT_ID_REFUSED.has(code))
      return failed("it refuses the client id", "set or remove the connection's `clientId`");
    if (VERSION_REFUSED.has(code)) {
      return failed("it does not speak this version of MQTT", "set `protocolVersion` to 4 (3.1.1), or remove it");
    }
    if (BUSY.has(code)) return failed("it is not available now");
    return failed(`it refuses with reason code ${code}`);
  }
  if (typeof code === "string") {
    const why = NETWORK[code];
    if (why === "it hung up") return failed(why, SPEAKS_TLS);
    if (why !== undefined) return failed(why, "check host and port of the connection, and whether the broker runs");
    return failed(`the TLS or network layer says ${code}`, tlsHint(code));
  }
  if (error instanceof Error && /connack timeout/i.test(error.message)) return failed("it does not answer");
  return failed("it closed the connection", SPEAKS_TLS);
}

function tlsHint(code: string): string | undefined {
  if (/SELF_SIGNED|UNABLE_TO|CERT_UNTRUSTED/.test(code)) {
    return "set the connection's `ca` to the certificate of the authority that signed the broker's";
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return "use the host name that the broker's certificate is for";
  if (code === "CERT_HAS_EXPIRED") return "the broker's certificate has expired: renew it";
  return /SSL|TLS|EPROTO/.test(code)
    ? "check that the port speaks TLS, and the connection's `cert` and `key`"
    : undefined;
}

/** A PUBLISH or SUBSCRIBE that the broker refuses with a reason code of MQTT 5, or a SUBACK of 3.1.1. */
export function refusal(error: unknown, what: string): TrueupError {
  if (error instanceof TrueupError) return error;
  const code = codeOf(error);
  if (code === 135 || code === 128) return denied(what);
  if (code === 154) {
    return new TrueupError("TARGET_INVALID", `the broker keeps no retained messages: it refused to ${what}`, {
      hint: "allow retained messages on the broker",
    });
  }
  const reason = typeof code === "number" ? `with reason code ${code}` : "the connection ended first";
  return new TrueupError("WRITE_FAILED", `the broker did not ${what}: ${reason}`, { cause: error });
}

export function denied(what: string): TrueupError {
  return new TrueupError("PERMISSION_DENIED", `the broker does not let this login ${what}`, {
    hint: "grant it reading and writing of everything below the prefix (mosquitto: `topic readwrite <prefix>/#`)",
  });
}
