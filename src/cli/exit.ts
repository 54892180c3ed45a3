/** 0 in sync or done, 1 error, 2 differences. */
export type ExitCode = 0 | 1 | 2;

/** Prints an error for a person, on stderr: what, where, what to do. A stack trace only where it was asked for. */
export async function exitWith(error: unknown, verbose: boolean): Promise<void> {
  // Commander has printed its own complaint, or the help that was asked for.
  if (isCommanderError(error)) {
    process.exitCode = error.exitCode === 0 ? 0 : 1;
    return;
  }
  const { printError } = await import("./output/error.js");
  printError(error, verbose);
  process.exitCode = 1;
}

function isCommanderError(error: unknown): error is { exitCode: number } {
  return (
    error instanceof Error && "exitCode" in error && "code" in error && String(error.code).startsWith("commander.")
  );
}
