import { setTimeout as delay } from "node:timers/promises";
import pRetry from "p-retry";
import type { ClientBase } from "pg";
import type { Session } from "../postgres/session.js";
import { quoteTableName, type TableName } from "./name.js";
import { pushSql, TRIGGER } from "./push.js";

/** How often a table without the trigger is asked whether it has one by now. */
const RECHECK_MS = 60_000;

interface Watch {
  readonly session: Session;
  readonly table: TableName;
  readonly moved: () => void;
}

/**
 * Listens for the table's notifications, on a connection of its own, until the signal aborts. Without the trigger there is
 * nothing to hear: no connection is held, and the catalog is asked now and then whether the trigger has been installed.
 */
export async function watchTable({ session, table, moved }: Watch, signal: AbortSignal): Promise<void> {
  const ended = new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => {
      resolve();
    });
  });
  try {
    while (!signal.aborted) {
      // The way back to a server that is away is as long as it takes; observe() reports the state meanwhile.
      const attempt = () => untilListening({ session, table, moved }, signal);
      const backoff = { retries: Infinity, minTimeout: 250, maxTimeout: 30_000, randomize: true, signal };
      const { client, lost } = await pRetry(attempt, backoff);
      try {
        // What happened before it listened was not heard.
        moved();
        await Promise.race([lost, ended]);
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function untilListening({ session, table, moved }: Watch, signal: AbortSignal) {
  const { channel } = pushSql(table);
  while (!(await session.read((client) => hasTrigger(client, table), signal))) {
    await delay(RECHECK_MS, undefined, { signal, ref: false });
  }
  const client = await session.connect(signal);
  const lost = new Promise<void>((resolve) => {
    client.on("end", resolve);
    client.on("error", () => {
      resolve();
    });
  });
  // What this target wrote itself it has read back already.
  client.on("notification", ({ processId }) => {
    if (!session.isOurs(processId)) moved();
  });
  await client.query(`LISTEN ${channel}`);
  return { client, lost };
}

/** Whether the table tells that it changes: the trigger is there and enabled. */
async function hasTrigger(client: ClientBase, table: TableName): Promise<boolean> {
  const { rowCount } = await client.query(
    "SELECT FROM pg_trigger WHERE tgrelid = to_regclass($1) AND tgname = $2 AND tgenabled IN ('O', 'A')",
    [quoteTableName(table), TRIGGER],
  );
  return rowCount === 1;
}
