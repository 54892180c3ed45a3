import type { ClientBase, ClientConfig, Pool, PoolClient } from "pg";
import type { TrueupError } from "../../core/errors.js";
import { addressOf, secretsOf, type Address, type PostgresConnection } from "../../lib/postgres/connection.js";
import { failure, isConnectionLost, type FailureContext } from "../../lib/postgres/failure.js";
import { clientOptions } from "../../lib/postgres/options.js";

/** A few lasting connections to one database, opened when first used and anew after the server went away. */
export interface Session {
  readonly address: Address;
  readonly secrets: readonly string[];
  /** Reads; tried once more on a fresh connection where the one at hand turns out to be dead. */
  read<T>(work: (client: ClientBase) => Promise<T>, signal: AbortSignal): Promise<T>;
  /** Runs `work` in one transaction with short lock and statement time-outs, and commits; an error or an abort rolls back. */
  transaction<T>(work: (client: ClientBase) => Promise<T>, signal: AbortSignal): Promise<T>;
  /** Runs statements that cannot stand in a transaction. An abort is `work`'s to notice. */
  write<T>(work: (client: ClientBase) => Promise<T>, signal: AbortSignal): Promise<T>;
  /** A connection of its own, outside the pool, e.g. to LISTEN on. The caller ends it. */
  connect(signal: AbortSignal): Promise<ClientBase & { end(): Promise<void> }>;
  /** Whether that server process serves a connection of ours. */
  isOurs(processId: number): boolean;
  failure(
    error: unknown,
    context: Pick<FailureContext, "otherwise" | "grant"> & { values?: readonly string[] },
  ): TrueupError;
  close(): Promise<void>;
}

/** Nothing waits for long: not for a lock that another session forgot, and no transaction stays open when we are cut off. */
const BEGIN = `BEGIN; SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '30s';
  SET LOCAL idle_in_transaction_session_timeout = '60s'`;

export async function openSession(connection: PostgresConnection): Promise<Session> {
  const { default: pg } = await import("pg");
  const address = addressOf(connection);
  const secrets = secretsOf(connection);
  const options: ClientConfig = { ...(await clientOptions(connection)), types: { getTypeParser: () => asText } };
  const pool = new pg.Pool({ ...options, max: 2, idleTimeoutMillis: 0, allowExitOnIdle: true });
  const ours = new Set<number>();
  // A server that goes away ends idle connections; the pool drops them and the next call opens another.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => ours.add(processOf(client)));
  pool.on("remove", (client) => ours.delete(processOf(client)));

  const use = async <T>(work: (client: PoolClient) => Promise<T>, signal: AbortSignal): Promise<T> => {
    const client = await checkout(pool, signal);
    let broken = false;
    try {
      return await until(work(client), signal, () => {
        broken = true;
        cancel(pool, client);
      });
    } catch (error) {
      broken ||= isConnectionLost(error);
      throw error;
    } finally {
      client.release(broken);
    }
  };
  const transaction: Session["transaction"] = async (work, signal) => {
    const client = await checkout(pool, signal);
    let broken = false;
    try {
      await client.query(BEGIN);
      const result = await until(work(client), signal, () => {
        broken = true;
        cancel(pool, client);
      });
      // From here on it is the server's to decide: an abort waits for the answer.
      await client.query("COMMIT");
      return result;
    } catch (error) {
      broken ||= isConnectionLost(error);
      if (!broken) await client.query("ROLLBACK").catch(() => (broken = true));
      throw error;
    } finally {
      client.release(broken);
    }
  };
  let closing: Promise<void> | undefined;
  return {
    address,
    secrets,
    read: async (work, signal) => {
      try {
        return await use(work, signal);
      } catch (error) {
        if (signal.aborted || !isConnectionLost(error)) throw error;
        return use(work, signal);
      }
    },
    transaction,
    write: async (work, signal) => {
      const client = await checkout(pool, signal);
      let broken = true;
      try {
        const result = await work(client);
        broken = false;
        return result;
      } finally {
        client.release(broken);
      }
    },
    connect: async (signal) => {
      const client = new pg.Client(options);
      client.on("error", () => undefined);
      await until(client.connect(), signal, () => void client.end().catch(() => undefined));
      return client;
    },
    isOurs: (processId) => ours.has(processId),
    failure: (error, { values = [], ...context }) =>
      failure(error, { ...context, address, secrets: [...secrets, ...values] }),
    close: () => (closing ??= pool.end()),
  };
}

/** Values come as the text that the server sends: no date, number or JSON is rounded by the driver. */
function asText(text: string): string {
  return text;
}

function processOf(client: ClientBase): number {
  return "processID" in client && typeof client.processID === "number" ? client.processID : -1;
}

async function checkout(pool: Pool, signal: AbortSignal): Promise<PoolClient> {
  signal.throwIfAborted();
  const connecting = pool.connect();
  return until(connecting, signal, () => {
    connecting.then(
      (client) => {
        client.release();
      },
      () => undefined,
    );
  });
}

/** Asks the server to stop what an abandoned connection is doing: it would otherwise notice only when it next writes to it. */
function cancel(pool: Pool, client: PoolClient): void {
  pool.query("SELECT pg_cancel_backend($1)", [processOf(client)]).catch(() => undefined);
}

/** The promise's result, or the signal's reason as soon as it aborts; `abandon` then cleans up after the promise. */
async function until<T>(promise: Promise<T>, signal: AbortSignal, abandon: () => void): Promise<T> {
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => {
      abandon();
      reject(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
  promise.catch(() => undefined);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
