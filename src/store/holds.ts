import type { Query } from "./database.js";
import { eventColumns, TELL_CHANGED } from "./history.js";
import type { Hold, Holds } from "./store.js";

const LIST = `
  SELECT environment, target, path, source, owner, reason, held_at, ends_at
  FROM trueup.hold
  WHERE $1::text IS NULL OR environment = $1
  ORDER BY environment, target, path, source`;

const SET = `
  WITH changed AS (
    INSERT INTO trueup.hold AS held (environment, target, path, source, owner, reason, ends_at)
    VALUES ($8, $9, $10, $11, $12, $13, $14)
    ON CONFLICT (environment, target, path, source) DO UPDATE
    SET owner = excluded.owner, reason = excluded.reason, held_at = now(), ends_at = excluded.ends_at
    WHERE (held.owner, held.reason, held.ends_at) IS DISTINCT FROM (excluded.owner, excluded.reason, excluded.ends_at)
    RETURNING 1
  )
  ${TELL_CHANGED}`;

const REMOVE = `
  WITH changed AS (
    DELETE FROM trueup.hold
    WHERE environment = $8 AND target = $9 AND path = $10 AND source = $11 AND ends_at = $12
    RETURNING 1
  )
  ${TELL_CHANGED}`;

interface Row {
  environment: string;
  target: string;
  path: string;
  source: Hold["source"];
  owner: string;
  reason: string;
  held_at: Date;
  ends_at: Date;
}

export function holds(query: Query): Holds {
  return {
    list: async (environment) => (await query<Row>(LIST, [environment ?? null])).map(holdOf),
    set: async ({ environment, target, path, source, owner, reason, until }, event) => {
      const values = [environment, target, path, source, owner, reason, until];
      return (await query(SET, [...eventColumns([event]).flat(), ...values])).length > 0;
    },
    remove: async ({ environment, target, path, source, until }, event) => {
      const values = [environment, target, path, source, until];
      return (await query(REMOVE, [...eventColumns([event]).flat(), ...values])).length > 0;
    },
  };
}

function holdOf({ environment, target, path, source, owner, reason, ...row }: Row): Hold {
  const [at, until] = [row.held_at.toISOString(), row.ends_at.toISOString()];
  return { environment, target, path, source, owner, reason, at, until };
}
