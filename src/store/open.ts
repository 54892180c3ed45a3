import { approvals } from "./approvals.js";
import { type Database, queryOf, transactionOf } from "./database.js";
import { waitForDirectory, type OwnedDirectory } from "./directory-lock.js";
import { embeddedDatabase } from "./embedded.js";
import { storeFailure } from "./failure.js";
import { history } from "./history.js";
import { incidents } from "./incidents.js";
import { holds } from "./holds.js";
import { LEASE_TTL, leases } from "./leases.js";
import { loadMigrations, migrate, type Migration } from "./migrate.js";
import { outbox } from "./outbox.js";
import { targetRecords } from "./records.js";
import { serverDatabase } from "./server.js";
import type { Store } from "./store.js";
import { promotions } from "./promotions.js";
import { proposals } from "./proposals.js";
import { pullRequests } from "./pull-requests.js";
import { rollouts } from "./rollouts.js";
import { runs } from "./runs.js";
import { schedules } from "./schedules.js";
import { suspensions } from "./suspensions.js";

export interface OpenStoreOptions {
  /** `postgres://…`; without one, the embedded store under `stateDirectory`. */
  readonly url?: string | undefined;
  readonly stateDirectory: string;
  /** The lock on `stateDirectory` where the caller holds it already. The embedded store takes it otherwise, and keeps it until closed. */
  readonly lock?: OwnedDirectory | undefined;
  /** How long to wait for that lock, in milliseconds. */
  readonly patience?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens the store and brings its schema up to date: one query where it is.
 * @throws TrueupError STORE_BUSY, STORE_TOO_NEW, STORE_FAILED, CONFIG_INVALID, CONNECTION_FAILED, CONNECTION_DENIED, PERMISSION_DENIED
 */
export async function openStore(options: OpenStoreOptions): Promise<Store> {
  options.signal?.throwIfAborted();
  return options.url === undefined ? openEmbedded(options) : storeOn(await serverDatabase(options.url));
}

async function openEmbedded({ stateDirectory, lock, patience, signal }: OpenStoreOptions): Promise<Store> {
  const own = lock === undefined ? await waitForDirectory(stateDirectory, { patience, signal }) : undefined;
  try {
    const store = await storeOn(await embeddedDatabase(stateDirectory));
    const close = async (): Promise<void> => {
      await store.close();
      await own?.release();
    };
    return { ...store, close };
  } catch (error) {
    await own?.release();
    throw error;
  }
}

export interface StoreOnOptions {
  readonly migrations?: readonly Migration[];
  /** Of a lease, in milliseconds. */
  readonly leaseTtl?: number;
}

/** The store on a database that is open; it is closed with the store, and where the store does not open. */
export async function storeOn(
  database: Database,
  { migrations, leaseTtl = LEASE_TTL }: StoreOnOptions = {},
): Promise<Store> {
  try {
    await migrate(database, migrations ?? (await loadMigrations()));
  } catch (error) {
    await database.close();
    throw storeFailure(error, database.name);
  }
  const query = queryOf(database);
  const held = leases(query, leaseTtl);
  let closing: Promise<void> | undefined;
  return {
    records: targetRecords(query, transactionOf(database)),
    history: history(query),
    leases: held,
    suspensions: suspensions(query),
    holds: holds(query),
    approvals: approvals(query),
    incidents: incidents(query),
    outbox: outbox(query),
    proposals: proposals(query),
    pullRequests: pullRequests(query),
    schedules: schedules(query, transactionOf(database)),
    promotions: promotions(query),
    runs: runs(query),
    rollouts: rollouts(query, transactionOf(database)),
    // Whoever cleans up twice, on an error and at the end, gets the same answer.
    close: () => (closing ??= held.releaseAll().then(() => database.close())),
  };
}
