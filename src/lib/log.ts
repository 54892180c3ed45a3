/** What the controller tells its log, one line an outcome. pino's shape, so that pino is one; nothing else needs to know it. */
export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

/** Never a value of a sensitive setting, never a credential. */
export type LogFields = Readonly<Record<string, unknown>>;

export const silentLog: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore };

function ignore(): void {
  // A command that prints its result has nothing to log.
}
