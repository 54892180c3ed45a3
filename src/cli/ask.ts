import { loadConfig } from "../config/config.js";
import { silentLog } from "../lib/log.js";
import type { Operation } from "../operations/operation.js";
import { openSession } from "../reconcile/session.js";
import { lockDirectory, type OwnedDirectory, waitForDirectory } from "../store/directory-lock.js";
import type { Globals } from "./globals.js";
import { progress } from "./output/progress.js";
import { holder, stopOnSignal } from "./process.js";
import { askController } from "./remote.js";

/**
 * Runs an operation: in this process, or in the controller that holds the embedded store. The answer is the same data.
 * Ctrl-C aborts it: the write in hand is finished.
 */
export async function ask<Args, Result>(
  operation: Operation<Args, Result>,
  args: Args,
  globals: Globals,
): Promise<Result> {
  const config = loadConfig(globals.config, process.env);
  const stop = stopOnSignal();
  const line = progress();
  try {
    const context = { signal: stop, progress: line.show };
    const lock = config.store === undefined ? await lockDirectory(config.stateDirectory) : undefined;
    if (lock?.kind === "held") {
      const answer = await askController(lock.socketPath, { operation: operation.name, args, context });
      // The same version of the same operation, by the name that it registers: its answer is what it declares.
      if (answer !== undefined) return answer.result as Result;
    }
    // No controller is behind the socket, only a short command: its turn is soon over.
    const own = lock?.kind === "held" ? await waitForDirectory(config.stateDirectory, { signal: stop }) : lock;
    return await here(operation, args, { config, stop, own, context });
  } finally {
    line.clear();
  }
}

interface Here {
  readonly config: ReturnType<typeof loadConfig>;
  readonly stop: AbortSignal;
  readonly own: OwnedDirectory | undefined;
  readonly context: Parameters<Operation<unknown, unknown>["run"]>[2];
}

async function here<Args, Result>(
  operation: Operation<Args, Result>,
  args: Args,
  { config, stop, own, context }: Here,
): Promise<Result> {
  const session = openSession({ config, log: silentLog, stop, holder: holder(), lock: own });
  try {
    return await operation.run(session, args, context);
  } finally {
    await session.close();
    await own?.release();
  }
}
