/** 0 in sync or done, 1 error, 2 differences. */
export type ExitCode = 0 | 1 | 2;

export interface ExitOptions {
  /** With a stack trace. */
  readonly verbose: boolean;
  /** For GitHub Actions, too. */
  readonly annotate?: boolean;
}

/** Prints an error for a person, on stderr: what, where, what to do. A stack trace only where it was asked for. */
export async function exitWith(error: unknown, { verbose, annotate = false }: ExitOptions): Promise<void> {
  // Commander has printed its own complaint, or the help that was asked for.
  if (isCommanderError(error)) {
    process.exitCode = error.exitCode === 0 ? 0 : 1;
    return;
  }
  const { printError, reportedError } = await import("./output/error.js");
  printError(error, verbose);
  if (annotate) {
    const { errorAnnotation, workflowCommand } = await import("./output/annotation.js");
    process.stdout.write(workflowCommand(errorAnnotation(reportedError(error))));
  }
  process.exitCode = 1;
}

function isCommanderError(error: unknown): error is { exitCode: number } {
  return (
    error instanceof Error && "exitCode" in error && "code" in error && String(error.code).startsWith("commander.")
  );
}
