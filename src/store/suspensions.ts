import { batched } from "../lib/batched.js";
import type { Query } from "./database.js";
import type { Suspension, Suspensions } from "./store.js";

const LIST = `
  SELECT environment, suspended_by, reason, suspended_at, ends_at
  FROM trueup.suspension
  WHERE ends_at IS NULL OR ends_at > now()
  ORDER BY environment`;

const SET = `
  INSERT INTO trueup.suspension (environment, suspended_by, reason, ends_at) VALUES ($1, $2, $3, $4)
  ON CONFLICT (environment) DO UPDATE
  SET suspended_by = excluded.suspended_by, reason = excluded.reason, suspended_at = now(), ends_at = excluded.ends_at`;

const CLEAR = `
  DELETE FROM trueup.suspension WHERE environment = $1
  RETURNING ends_at IS NULL OR ends_at > now() AS in_force`;

interface Row {
  environment: string;
  suspended_by: string;
  reason: string;
  suspended_at: Date;
  ends_at: Date | null;
}

export function suspensions(query: Query): Suspensions {
  // One question for all who ask at the same time: whoever looks at an environment does.
  const listed = batched(async () => new Map([["all", (await query<Row>(LIST)).map(suspensionOf)]]));
  return {
    list: async () => (await listed("all")) ?? [],
    set: async ({ environment, by, reason, until }) => {
      // Through Date, because the server would read an instant without a zone in a zone of its own.
      const endsAt = until === undefined ? null : new Date(until).toISOString();
      await query(SET, [environment, by, reason, endsAt]);
    },
    clear: async (environment) => {
      const rows = await query<{ in_force: boolean }>(CLEAR, [environment]);
      return rows[0]?.in_force ?? false;
    },
  };
}

function suspensionOf(row: Row): Suspension {
  return {
    environment: row.environment,
    by: row.suspended_by,
    reason: row.reason,
    at: row.suspended_at.toISOString(),
    ...(row.ends_at !== null && { until: row.ends_at.toISOString() }),
  };
}
