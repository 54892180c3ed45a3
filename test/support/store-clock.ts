import type { Session } from "../../src/reconcile/session.js";
import { embeddedDatabase } from "../../src/store/embedded.js";
import { storeOn } from "../../src/store/open.js";
import type { World } from "./world.js";

export interface MovableSession {
  readonly session: Session;
  /** Lets so much time pass for all that waits in the store, in milliseconds. */
  pass(milliseconds: number): Promise<void>;
  sql(text: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
  close(): Promise<void>;
}

const PASS = `
  UPDATE trueup.outbox SET not_before = not_before - $1 * interval '1 ms', claimed_until = claimed_until - $1 * interval '1 ms'`;
const PASS_SCHEDULES = `UPDATE trueup.schedule SET taken = taken - $1 * interval '1 ms'`;

/** A session on the world's embedded store, whose rows can be read and moved in time while it works. */
export async function openMovable(world: World, options: Parameters<World["open"]>[0] = {}): Promise<MovableSession> {
  const database = await embeddedDatabase(world.stateDirectory);
  const store = await storeOn(database);
  const session = Object.assign(Object.create(world.open(options)) as Session, { store: () => Promise.resolve(store) });
  const sql: MovableSession["sql"] = async (text, values = []) =>
    (await database.pool.query<Record<string, unknown>>(text, [...values])).rows;
  return {
    session,
    sql,
    async pass(milliseconds) {
      await sql(PASS, [milliseconds]);
      await sql(PASS_SCHEDULES, [milliseconds]);
    },
    async close() {
      await session.close();
      await store.close();
    },
  };
}
