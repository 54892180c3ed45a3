import type { Query, Transaction } from "./database.js";
import { eventColumns, INSERT_EVENTS } from "./history.js";
import { saveNews } from "./incidents.js";
import type { Rollouts } from "./store.js";

const LOAD = `SELECT rollout FROM trueup.rollout WHERE environment = $1`;

const SAVE = `
  WITH saved AS (
    INSERT INTO trueup.rollout (environment, rollout) VALUES ($8, $9)
    ON CONFLICT (environment) DO UPDATE SET rollout = excluded.rollout, saved_at = now()
  ), failed AS (
    INSERT INTO trueup.run (environment, revision, failed_at, failure)
    SELECT $8, $10::text, now(), $11::text WHERE $10::text IS NOT NULL
    ON CONFLICT (environment, revision) DO UPDATE SET failed_at = now(), failure = excluded.failure
  )
  ${INSERT_EVENTS}`;

const FAILURE = `
  SELECT failed_at, failure FROM trueup.run WHERE environment = $1 AND revision = $2 AND failed_at IS NOT NULL`;

export function rollouts(query: Query, transaction: Transaction): Rollouts {
  return {
    load: async (environment) => (await query<{ rollout: string }>(LOAD, [environment]))[0]?.rollout,
    save: (environment, { rollout, failed, events, news }) =>
      transaction(async (inside) => {
        const failure = [failed?.revision ?? null, failed?.reason ?? null];
        await inside(SAVE, [...eventColumns(events), environment, rollout, ...failure]);
        if (news !== undefined) await saveNews(inside, news);
      }),
    failure: async (environment, revision) => {
      const [row] = await query<{ failed_at: Date; failure: string }>(FAILURE, [environment, revision]);
      return row && { at: row.failed_at.toISOString(), reason: row.failure };
    },
  };
}
