import { batched } from "../lib/batched.js";
import { columns, type Query, type Transaction } from "./database.js";
import { eventColumns, INSERT_EVENTS } from "./history.js";
import { saveNews } from "./incidents.js";
import type { Rollouts } from "./store.js";

const LOAD = `SELECT environment, rollout FROM trueup.rollout WHERE environment = ANY ($1)`;

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
  SELECT revision || ' ' || environment AS of, failed_at, failure
  FROM trueup.run
  WHERE (environment, revision) IN (SELECT * FROM unnest($2::text[], $1::text[])) AND failed_at IS NOT NULL`;

export function rollouts(query: Query, transaction: Transaction): Rollouts {
  const failureOf = batched(async (pairs: readonly string[]) => {
    const rows = await query<{ of: string; failed_at: Date; failure: string }>(FAILURE, columns(pairs));
    return new Map(rows.map(({ of, failed_at, failure }) => [of, { at: failed_at.toISOString(), reason: failure }]));
  });
  return {
    load: batched(async (environments) => {
      const rows = await query<{ environment: string; rollout: string }>(LOAD, [environments]);
      return new Map(rows.map(({ environment, rollout }) => [environment, rollout]));
    }),
    save: (environment, { rollout, failed, events, news }) =>
      transaction(async (inside) => {
        const failure = [failed?.revision ?? null, failed?.reason ?? null];
        await inside(SAVE, [...eventColumns(events), environment, rollout, ...failure]);
        if (news !== undefined) await saveNews(inside, news);
      }),
    failure: (environment, revision) => failureOf(`${revision} ${environment}`),
  };
}
