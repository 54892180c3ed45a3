import type { Log } from "../../lib/log.js";

/** pino on stderr: one line of JSON an outcome, or readable lines where stderr is a terminal. */
export async function openLog(verbose: boolean): Promise<Log> {
  const { pino } = await import("pino");
  const level = verbose ? "debug" : (process.env["LOG_LEVEL"] ?? "info");
  // What looks like a credential is cut even where a field should not have held one.
  const redact = { paths: ["password", "token", "*.password", "*.token", "url", "*.url"], censor: "(removed)" };
  if (!process.stderr.isTTY) {
    // Words, not pino's numbers: people read these lines, too, and log stores filter by them.
    const formatters = { level: (label: string) => ({ level: label }) };
    const timestamp = pino.stdTimeFunctions.isoTime;
    const lines: Log = pino({ level, redact, base: null, timestamp, formatters }, process.stderr);
    return lines;
  }
  const { default: pretty } = await import("pino-pretty");
  const stream = pretty({
    destination: 2,
    sync: true,
    ignore: "pid,hostname,event,revision",
    translateTime: "SYS:HH:MM:ss",
  });
  const readable: Log = pino({ level, redact }, stream);
  return readable;
}
