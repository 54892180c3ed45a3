import type { Query } from "./database.js";
import type { ClaimedMessage, NewMessage, Outbox, OutboxSummary } from "./store.js";

const PUT = `
  INSERT INTO trueup.outbox (notifier, message_id, incidents, message, not_before)
  VALUES ($1, $2, $3, $4, coalesce($5::timestamptz, clock_timestamp()))
  ON CONFLICT (notifier, message_id) DO NOTHING`;

const HURRY = `
  UPDATE trueup.outbox SET not_before = clock_timestamp()
  WHERE notifier = $1 AND incidents && $2::text[] AND attempts = 0 AND dead_at IS NULL AND not_before > clock_timestamp()`;

const IS_DUE = `dead_at IS NULL AND not_before <= clock_timestamp() AND (claimed_until IS NULL OR claimed_until <= clock_timestamp())`;

const IS_FIRST = `NOT EXISTS (
      SELECT FROM trueup.outbox AS earlier
      WHERE earlier.notifier = due.notifier AND earlier.id < due.id AND earlier.dead_at IS NULL
        AND earlier.incidents && due.incidents
    )`;

// By the time at which they are due, so that one that fails again and again does not stand before the others. An earlier
// message of the same incident goes first, whoever holds it and however long that takes.
const CLAIM = `
  UPDATE trueup.outbox SET claimed_by = $2, claimed_until = clock_timestamp() + $3 * interval '1 ms'
  WHERE id IN (
    SELECT id FROM trueup.outbox AS due
    WHERE notifier = $1 AND ${IS_DUE} AND CASE $5
      WHEN 'incidents' THEN incidents <> '{}'
      WHEN 'others' THEN incidents = '{}'
      ELSE ${IS_FIRST}
    END
    ORDER BY not_before, id LIMIT $4
    FOR UPDATE SKIP LOCKED
  )
  RETURNING id, message, attempts, incidents, (
    SELECT thread FROM trueup.thread
    WHERE thread.notifier = outbox.notifier AND thread.fingerprint = ANY (outbox.incidents)
    LIMIT 1
  ) AS thread`;

// A claim that ran out, and was taken by another, is no longer ours to end.
const DELIVERED = `
  WITH done AS (
    DELETE FROM trueup.outbox WHERE id = ANY ($1::bigint[]) AND claimed_by = $2 RETURNING notifier, incidents
  ), over AS (
    DELETE FROM trueup.thread USING done
    WHERE thread.notifier = done.notifier AND thread.fingerprint = ANY ($4::text[])
  )
  INSERT INTO trueup.thread (notifier, fingerprint, thread)
  SELECT DISTINCT notifier, fingerprint, $3::text FROM done, unnest(incidents) AS fingerprint
  WHERE $3::text IS NOT NULL AND fingerprint <> ALL ($4::text[])
  ON CONFLICT DO NOTHING`;

const FAILED = `
  UPDATE trueup.outbox
  SET attempts = attempts + 1, last_error = $3, not_before = clock_timestamp() + $4 * interval '1 ms',
    claimed_by = NULL, claimed_until = NULL, dead_at = CASE WHEN $5 THEN clock_timestamp() END
  WHERE id = ANY ($1::bigint[]) AND claimed_by = $2`;

const NEXT_DUE = `
  SELECT extract(epoch FROM min(greatest(not_before, claimed_until)) - clock_timestamp()) * 1000 AS milliseconds
  FROM trueup.outbox AS due WHERE notifier = $1 AND dead_at IS NULL AND ${IS_FIRST}`;

const SUMMARY = `
  SELECT notifier, count(*) FILTER (WHERE dead_at IS NULL) AS waiting, count(dead_at) AS dead,
    (array_agg(last_error ORDER BY id) FILTER (WHERE last_error IS NOT NULL))[1] AS last_error
  FROM trueup.outbox GROUP BY notifier ORDER BY notifier`;

interface Row {
  id: string;
  message: string;
  attempts: number;
  incidents: string[];
  thread: string | null;
}

interface SummaryRow {
  notifier: string;
  waiting: string;
  dead: string;
  last_error: string | null;
}

export function outbox(query: Query): Outbox {
  return {
    put: (messages) => putMessages(query, messages),
    claim: async (notifier, { by, ttl, limit, only = "each" }) => {
      const rows = await query<Row>(CLAIM, [notifier, by, ttl, limit, only]);
      return rows.map(claimedOf).sort((a, b) => a.row - b.row);
    },
    delivered: async ({ rows, by }, { thread = null, over }) => {
      await query(DELIVERED, [[...rows], by, thread, [...over]]);
    },
    failed: async ({ rows, by }, { error, retryIn, dead }) => {
      await query(FAILED, [[...rows], by, error, retryIn, dead]);
    },
    nextDue: async (notifier) => {
      const [row] = await query<{ milliseconds: string | null }>(NEXT_DUE, [notifier]);
      const milliseconds = row?.milliseconds ?? undefined;
      return milliseconds === undefined ? undefined : Math.max(0, Number(milliseconds));
    },
    summary: async () => (await query<SummaryRow>(SUMMARY)).map(summaryOf),
  };
}

export async function putMessages(query: Query, messages: readonly NewMessage[]): Promise<void> {
  for (const { notifier, id, incidents, message, notBefore = null, urgent = false } of messages) {
    if (urgent) await query(HURRY, [notifier, [...incidents]]);
    await query(PUT, [notifier, id, [...incidents], message, notBefore]);
  }
}

function claimedOf({ id, message, attempts, incidents, thread }: Row): ClaimedMessage {
  return { row: Number(id), message, attempts, incidents, ...(thread !== null && { thread }) };
}

function summaryOf({ notifier, waiting, dead, last_error: lastError }: SummaryRow): OutboxSummary {
  return { notifier, waiting: Number(waiting), dead: Number(dead), ...(lastError !== null && { lastError }) };
}
