import { TrueupError } from "../core/errors.js";
import { networkFault } from "../lib/network.js";
import { bounded } from "../lib/timeout.js";

/** That `where` (a host, never a URL) could not be reached, and why. */
export function unreachable(where: string, error: unknown): TrueupError {
  return new TrueupError("DELIVERY_FAILED", `${where} cannot be reached: ${networkFault(error)}`, {
    hint: "check the address and whether the service runs; the delivery is tried again",
  });
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
