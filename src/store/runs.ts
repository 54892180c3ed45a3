import { batched } from "../lib/batched.js";
import { columns, type Query } from "./database.js";
import type { Runs } from "./store.js";

const LIST = `SELECT revision, since FROM trueup.run WHERE environment = $1 AND failed_at IS NULL ORDER BY since DESC, revision LIMIT $2`;

const SINCE = `
  SELECT revision || ' ' || environment AS of, since
  FROM trueup.run
  WHERE (environment, revision) IN (SELECT * FROM unnest($2::text[], $1::text[])) AND failed_at IS NULL`;

const PAST = `
  SELECT revision, since, failed_at, failure FROM trueup.run WHERE environment = $1 ORDER BY since DESC, revision LIMIT $2`;

// Where another revision ran in between, this one begins anew.
const NOTE = `
  INSERT INTO trueup.run AS known (environment, revision) VALUES ($1, $2)
  ON CONFLICT (environment, revision) DO UPDATE SET since = now()
  WHERE EXISTS (SELECT 1 FROM trueup.run later WHERE later.environment = $1 AND later.since > known.since)`;

interface PastRow {
  revision: string;
  since: Date;
  failed_at: Date | null;
  failure: string | null;
}

export function runs(query: Query): Runs {
  const sinceOf = batched(async (pairs: readonly string[]) => {
    const rows = await query<{ of: string; since: Date }>(SINCE, columns(pairs));
    return new Map(rows.map(({ of, since }) => [of, since.toISOString()]));
  });
  return {
    since: (environment, revision) => sinceOf(`${revision} ${environment}`),
    list: async (environment, limit) => {
      const rows = await query<{ revision: string; since: Date }>(LIST, [environment, limit]);
      return rows.map(({ revision, since }) => ({ revision, since: since.toISOString() }));
    },
    past: async (environment, limit) => {
      const rows = await query<PastRow>(PAST, [environment, limit]);
      return rows.map(({ revision, since, failed_at: at, failure }) => ({
        ...{ revision, since: since.toISOString() },
        ...(at !== null && { failure: { at: at.toISOString(), reason: failure ?? "" } }),
      }));
    },
    note: async (environment, revision) => {
      await query(NOTE, [environment, revision]);
    },
  };
}
