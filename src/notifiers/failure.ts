import { TrueupError } from "../core/errors.js";
import { bounded } from "../lib/timeout.js";

const NETWORK: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "the host name does not resolve",
  EAI_AGAIN: "the host name cannot be resolved now",
  ETIMEDOUT: "it does not answer",
  UND_ERR_CONNECT_TIMEOUT: "it does not answer",
  EHOSTUNREACH: "there is no route to the host",
  ENETUNREACH: "there is no route to the network",
  ECONNRESET: "it hung up",
  EPIPE: "it hung up",
  UND_ERR_SOCKET: "it hung up",
};

/**
 * Why `where` (a host, never a URL) could not be reached. Drivers put URLs and passwords into their messages, so only the
 * code of their error is kept, or of its cause.
 */
export function unreachable(where: string, error: unknown): TrueupError {
  const code = codeOf(error) ?? (error instanceof Error ? codeOf(error.cause) : undefined);
  const why = code === undefined ? "the connection broke" : (NETWORK[code] ?? `the TLS or network layer says ${code}`);
  return new TrueupError("DELIVERY_FAILED", `${where} cannot be reached: ${why}`, {
    hint: "check the address and whether the service runs; the delivery is tried again",
  });
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" && /^\w{1,60}$/.test(error.code) ? error.code : undefined;
}

export interface Deadline {
  readonly where: string;
  readonly milliseconds: number;
  readonly signal: AbortSignal;
}

/** @throws TrueupError DELIVERY_FAILED when the time is over; the reason of `signal` where that aborts; what `work` throws */
export async function within<T>(work: (signal: AbortSignal) => Promise<T>, deadline: Deadline): Promise<T> {
  const { where, milliseconds, signal } = deadline;
  try {
    return await bounded(work, { milliseconds, signal, what: `${where} did not answer` });
  } catch (error) {
    if (!(error instanceof TrueupError) || error.code !== "TARGET_TIMEOUT") throw error;
    throw new TrueupError("DELIVERY_FAILED", error.message, {
      hint: "see whether the service is reachable; the delivery is tried again",
    });
  }
}
