import { batched } from "../lib/batched.js";
import { byKey, columns, type Query } from "./database.js";
import { eventColumns, INSERT_EVENTS, TELL_CHANGED } from "./history.js";
import type { Decision, Promotions } from "./store.js";

const LOAD = `SELECT environment, promotion FROM trueup.promotion`;

const SAVE = `
  WITH saved AS (
    INSERT INTO trueup.promotion (environment, promotion) SELECT $8, $9::text WHERE $9::text IS NOT NULL
    ON CONFLICT (environment) DO UPDATE SET promotion = excluded.promotion, saved_at = now()
  ), forgotten AS (
    DELETE FROM trueup.promotion WHERE environment = $8 AND $9::text IS NULL
  ), arrived AS (
    INSERT INTO trueup.arrival (environment, commit_id, revision) SELECT $8, $10::text, $11 WHERE $10::text IS NOT NULL
    ON CONFLICT (environment, commit_id) DO UPDATE SET revision = excluded.revision
  )
  ${INSERT_EVENTS}`;

const ARRIVALS = `SELECT environment, commit_id, revision FROM trueup.arrival WHERE environment = ANY ($1)`;

const DECISIONS = `
  SELECT revision || ' ' || environment AS of, gate, decided_by, reason, decided_at
  FROM trueup.decision
  WHERE (environment, revision) IN (SELECT * FROM unnest($2::text[], $1::text[]))
  ORDER BY decided_at, decided_by`;

const DECIDE = `
  WITH changed AS (
    INSERT INTO trueup.decision (environment, revision, gate, decided_by, reason) VALUES ($8, $9, $10, $11, $12)
    ON CONFLICT DO NOTHING
    RETURNING 1
  )
  ${TELL_CHANGED}`;

// One event, however much it was.
const WITHDRAW = `
  WITH withdrawn AS (
    DELETE FROM trueup.decision WHERE environment = $8 AND revision = $9 AND decided_by = $10 RETURNING 1
  ), changed AS (SELECT 1 FROM withdrawn LIMIT 1)
  ${TELL_CHANGED}`;

interface ArrivalRow {
  environment: string;
  commit_id: string;
  revision: string;
}

interface DecisionRow {
  of: string;
  gate: string;
  decided_by: string;
  reason: string | null;
  decided_at: Date;
}

export function promotions(query: Query): Promotions {
  const arrivalsInto = batched(async (environments) =>
    byKey(await query<ArrivalRow>(ARRIVALS, [environments]), "environment"),
  );
  const decisionsOn = batched(async (pairs: readonly string[]) =>
    byKey(await query<DecisionRow>(DECISIONS, columns(pairs)), "of"),
  );
  return {
    load: async () => {
      const rows = await query<{ environment: string; promotion: string }>(LOAD);
      return new Map(rows.map(({ environment, promotion }) => [environment, promotion]));
    },
    save: async (environment, { promotion = null, arrival, events }) => {
      const arrived = [arrival?.commit ?? null, arrival?.revision ?? null];
      await query(SAVE, [...eventColumns(events), environment, promotion, ...arrived]);
    },
    arrivals: async (environment) =>
      new Map((await arrivalsInto(environment))?.map(({ commit_id, revision }) => [commit_id, revision])),
    decisions: async (environment, revision) =>
      ((await decisionsOn(`${revision} ${environment}`)) ?? []).map(decisionOf),
    decide: async (environment, revision, { decision: { gate = "", by, reason = null }, event }) => {
      const values = [environment, revision, gate, by, reason];
      return (await query(DECIDE, [...eventColumns([event]).flat(), ...values])).length > 0;
    },
    withdraw: async (environment, revision, { by, event }) =>
      (await query(WITHDRAW, [...eventColumns([event]).flat(), environment, revision, by])).length > 0,
  };
}

function decisionOf({ gate, decided_by: by, reason, decided_at }: DecisionRow): Decision {
  return {
    by,
    at: decided_at.toISOString(),
    ...(gate === "" ? {} : { gate }),
    ...(reason !== null && { reason }),
  };
}
