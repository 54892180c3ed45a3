import type { Change, Outcome } from "../../core/change.js";
import { TrueupError } from "../../core/errors.js";
import { equal } from "../../core/value.js";
import { isConnectionLost } from "../../lib/postgres/failure.js";
import { describeSettings, type Subject } from "./failure.js";
import { clause, concluded } from "./live.js";
import { alterOverride, readOverride, type Override } from "./override.js";
import { readServer, reload, requireReload } from "./server.js";

type Write = Change & { readonly name: string };
type Request = Subject & { readonly writes: readonly Write[] };

/**
 * ALTER SYSTEM, one after the other, each compared with what holds just before it; then a reload, and what the server made
 * of all of them. An abort ends it after the statement in hand, and what was written is still reloaded.
 */
export async function writeServer(request: Request, signal: AbortSignal): Promise<readonly Outcome[]> {
  const { session, writes } = request;
  const { user } = session.address;
  return session.write(async (client) => {
    await requireReload(client, user);
    // What others wrote a moment ago may not hold yet, and would look as if nothing had moved. This also shows, before
    // anything is written, whether the server can read its files at all.
    await reload(client);
    const outcomes = new Map<Write, Outcome>();
    const written: Write[] = [];
    for (const write of writes) {
      if (signal.aborted) {
        outcomes.set(write, failed(write, new TrueupError("ABORTED", "not written: stopped before")));
        continue;
      }
      try {
        const live = (await readServer(client, [write.name], user)).values.get(write.name);
        if (!equal(live, write.expected)) {
          outcomes.set(write, { path: write.path, result: "moved", live });
          continue;
        }
        await client.query(`ALTER SYSTEM ${clause(write.name, write.desired)}`);
        written.push(write);
      } catch (error) {
        if (isConnectionLost(error) && written.length === 0) throw error;
        outcomes.set(write, failed(write, describeSettings(request, error, [write])));
      }
    }
    if (written.length > 0) {
      try {
        await reload(client);
        const names = written.map(({ name }) => name);
        const after = await readServer(client, names, user);
        for (const write of written) outcomes.set(write, concluded(write.name, write.desired, after));
      } catch (error) {
        for (const write of written) outcomes.set(write, failed(write, describeSettings(request, error, [write])));
      }
    }
    return writes.flatMap((write) => outcomes.get(write) ?? []);
  }, signal);
}

/** Rolls the transaction back; the outcomes say why. */
class Rejected extends Error {
  readonly outcomes: readonly Outcome[];
  constructor(outcomes: readonly Outcome[]) {
    super("settings were rejected");
    this.outcomes = outcomes;
  }
}

/** ALTER DATABASE or ALTER ROLE, all in one transaction: where the server rejects one, none is written. */
export async function writeOverride(
  request: Request & { readonly scope: Override },
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const { session, scope, writes } = request;
  try {
    return await session.transaction(async (client) => {
      const before = await readOverride(client, scope);
      const moved = writes.filter(({ name, expected }) => !equal(before.values.get(name), expected));
      const faults = new Map<Write, unknown>();
      for (const write of writes) {
        if (moved.includes(write)) continue;
        await client.query("SAVEPOINT trueup");
        try {
          await client.query(`${alterOverride(scope)} ${clause(write.name, write.desired)}`);
        } catch (error) {
          if (isConnectionLost(error)) throw error;
          faults.set(write, error);
          await client.query("ROLLBACK TO SAVEPOINT trueup");
        }
      }
      if (faults.size > 0) throw new Rejected(writes.map((write) => rejected(request, write, faults)));
      const after = await readOverride(client, scope);
      return writes.map((write): Outcome => {
        if (!moved.includes(write)) return concluded(write.name, write.desired, after);
        return { path: write.path, result: "moved", live: before.values.get(write.name) };
      });
    }, signal);
  } catch (error) {
    if (error instanceof Rejected) return error.outcomes;
    throw error;
  }
}

function rejected(request: Request, write: Write, faults: ReadonlyMap<Write, unknown>): Outcome {
  if (faults.has(write)) return failed(write, describeSettings(request, faults.get(write), [write]));
  const message = "not written: the server rejected another change of the same transaction";
  return failed(write, new TrueupError("WRITE_FAILED", message, { hint: "correct the other setting" }));
}

function failed({ path }: Write, error: Error): Outcome {
  return { path, result: "failed", error };
}
