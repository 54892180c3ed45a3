import type { z } from "zod";
import { TrueupError } from "../core/errors.js";
import { bounded } from "../lib/timeout.js";

export interface ProbeResult {
  readonly healthy: boolean;
  /** A sentence for a person, on one line; never a credential, nor what the system answered. */
  readonly detail: string;
}

/** A question to a live system: does it work? */
export interface Probe {
  /**
   * Asks once; whoever asks says how often. What cannot be asked is unhealthy, with the reason: throws only the signal's.
   * Nothing stays open.
   */
  check(signal: AbortSignal): Promise<ProbeResult>;
}

/** One kind of probe: what trueup.yaml may say of it, and how it is opened. The schema is cheap to load; `open` imports the driver. */
export interface ProbeKind<Spec = unknown> {
  readonly kind: string;
  /** Strict: unknown keys are errors. */
  readonly schema: z.ZodType<Spec>;
  /** The keys of it that are paths: trueup.yaml may say them relative to its own folder. */
  readonly paths?: readonly string[];
  open(spec: Spec, context: ProbeContext): Promise<Probe>;
}

export interface ProbeContext {
  /** The folder of trueup.yaml. */
  readonly folder: string;
  readonly environment: string;
}

export interface Patience {
  /** Milliseconds. */
  readonly timeout: number;
  /** What is asked, for the sentence: a host, never a URL. */
  readonly where: string;
}

/** A probe that asks for a bounded time, and is unhealthy for what `ask` throws: a TrueupError's message, or `why` of it. */
export function probeOf(
  ask: (signal: AbortSignal) => Promise<ProbeResult>,
  why: (error: unknown) => string,
  { timeout, where }: Patience,
): Probe {
  return {
    async check(signal) {
      try {
        return await bounded(ask, { milliseconds: timeout, signal, what: `${where} did not answer` });
      } catch (error) {
        signal.throwIfAborted();
        return { healthy: false, detail: error instanceof TrueupError ? error.message : `${where}: ${why(error)}` };
      }
    },
  };
}
