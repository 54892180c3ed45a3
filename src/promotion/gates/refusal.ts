import { TrueupError } from "../../core/errors.js";
import type { GateVerdict } from "../../core/gate.js";

/** What the operator has to put right in trueup.yaml does not pass by waiting; everything else is the caller's to judge. */
export function refusal(error: unknown): GateVerdict {
  if (!(error instanceof TrueupError) || error.code !== "CONFIG_INVALID") throw error;
  const { message, hint } = error;
  return { state: "failed", reason: hint === undefined ? message : `${message} (${hint})` };
}
