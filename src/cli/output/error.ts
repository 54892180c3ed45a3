import { formatPlace, TrueupError } from "../../core/errors.js";
import type { ReportedError } from "../../reconcile/report.js";
import { paint } from "./paint.js";

/** An error on stderr. One without a code is a fault of Trueup's own: it says how to learn more. */
export function printError(error: unknown, verbose: boolean): void {
  if (error instanceof TrueupError) {
    const { code, message, where, hint } = error;
    process.stderr.write(
      errorText({ code, message, ...(where && { where: formatPlace(where) }), ...(hint && { hint }) }),
    );
  } else {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(
      errorText({ code: "INTERNAL", message, hint: "run it again with --verbose, and report what it says" }),
    );
  }
  if (verbose && error instanceof Error) process.stderr.write(`${stack(error)}\n`);
}

/** `error: what` (code), `at file:line:column`, `hint: what to do`. */
export function errorText({ code, message, where, hint }: ReportedError): string {
  const lines = [`${paint("red", "error:", process.stderr)} ${message} ${paint("dim", `(${code})`, process.stderr)}`];
  if (where !== undefined) lines.push(`  at ${where}`);
  if (hint !== undefined) lines.push(`  hint: ${hint}`);
  return `${lines.join("\n")}\n`;
}

function stack(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by: ${stack(error.cause)}` : "";
  return `${error.stack ?? error.message}${cause}`;
}
