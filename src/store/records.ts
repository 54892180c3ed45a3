import { batched } from "../lib/batched.js";
import { byKey, type Query, type Transaction } from "./database.js";
import { saveNews } from "./incidents.js";
import { eventColumns, INSERT_EVENTS } from "./history.js";
import type { News, TargetRecord, TargetRecords } from "./store.js";

const LOAD = `SELECT environment, target, last_applied, status, revision FROM trueup.target WHERE environment = ANY ($1)`;

// One statement, so that record and events are saved together or not at all, in one round trip and without a transaction
// of our own. The events' columns come first, as $1 to $7, because INSERT_EVENTS counts them so.
const SAVE = `
  WITH saved AS (
    INSERT INTO trueup.target (environment, target, last_applied, status, revision)
    VALUES ($8, $9, $10, $11, $12)
    ON CONFLICT (environment, target) DO UPDATE
    SET last_applied = excluded.last_applied, status = excluded.status, revision = excluded.revision, saved_at = now()
  )
  ${INSERT_EVENTS}`;

const REMOVE = `
  WITH removed AS (DELETE FROM trueup.target WHERE environment = $8 AND target = ANY ($9))
  ${INSERT_EVENTS}`;

interface Row {
  environment: string;
  target: string;
  last_applied: string | null;
  status: string;
  revision: string | null;
}

export function targetRecords(query: Query, transaction: Transaction): TargetRecords {
  /** Most passes have no news: then the statement is its own transaction. */
  const withNews = async (news: News | undefined, save: (query: Query) => Promise<unknown>): Promise<void> => {
    if (news === undefined) await save(query);
    else
      await transaction(async (inside) => {
        await save(inside);
        await saveNews(inside, news);
      });
  };
  const rowsOf = batched(async (environments) => byKey(await query<Row>(LOAD, [environments]), "environment"));
  return {
    load: async (environment) => new Map((await rowsOf(environment))?.map((row) => [row.target, recordOf(row)])),
    save: async (environment, target, { record, events, news }) => {
      const { lastApplied = null, status, revision = null } = record;
      const values = [...eventColumns(events), environment, target, lastApplied, status, revision];
      await withNews(news, (run) => run(SAVE, values));
    },
    remove: async (environment, targets, { events, news }) => {
      await withNews(news, (run) => run(REMOVE, [...eventColumns(events), environment, [...targets]]));
    },
  };
}

function recordOf({ last_applied: lastApplied, status, revision }: Row): TargetRecord {
  return { status, ...(lastApplied !== null && { lastApplied }), ...(revision !== null && { revision }) };
}
