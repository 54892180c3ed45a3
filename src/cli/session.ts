import { loadConfig } from "../config/config.js";
import { silentLog } from "../lib/log.js";
import type { OperationContext } from "../operations/operation.js";
import { openSession, type Session } from "../reconcile/session.js";
import { holder, stopOnSignal } from "./process.js";
import { progress } from "./output/progress.js";
import type { Globals } from "./globals.js";

/** Runs work that needs git but not the store, so that it never waits for a controller. */
export async function withSession<T>(
  globals: Globals,
  work: (session: Session, context: OperationContext) => Promise<T>,
): Promise<T> {
  const stop = stopOnSignal();
  const session = openSession({
    config: loadConfig(globals.config, process.env),
    log: silentLog,
    stop,
    holder: holder(),
  });
  const line = progress();
  try {
    return await work(session, { signal: stop, progress: line.show });
  } finally {
    line.clear();
    await session.close();
  }
}
