import { formatPlace } from "../../core/errors.js";
import { asTrueupError } from "../../reconcile/pass.js";
import { reportError, type ReportedError } from "../../reconcile/report.js";
import { inert, legible } from "./legible.js";
import { paint } from "./paint.js";

/**
 * An error on stderr. One without a code is a fault of Trueup's own, or a driver's, and its message may quote a value: only
 * --verbose shows it, with the stack.
 */
export function printError(error: unknown, verbose: boolean): void {
  process.stderr.write(errorText(reportedError(error)));
  if (verbose && error instanceof Error) process.stderr.write(inert(legible(`${stack(error)}\n`)));
}

export function reportedError(error: unknown): ReportedError {
  const known = asTrueupError(error);
  return reportError(known, known.where === undefined ? undefined : formatPlace(known.where));
}

/** `error: what` (code), `at file:line:column`, `hint: what to do`. */
export function errorText({ code, message, where, hint }: ReportedError): string {
  const lines = [`${paint("red", "error:", process.stderr)} ${message} ${paint("dim", `(${code})`, process.stderr)}`];
  if (where !== undefined) lines.push(`  at ${where}`);
  if (hint !== undefined) lines.push(`  hint: ${hint}`);
  return inert(legible(`${lines.join("\n")}\n`));
}

function stack(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by: ${stack(error.cause)}` : "";
  return `${error.stack ?? error.message}${cause}`;
}
