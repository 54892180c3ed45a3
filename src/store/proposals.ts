import type { Query } from "./database.js";
import { eventColumns, INSERT_EVENTS } from "./history.js";
import type { Proposals } from "./store.js";

const LOAD = `SELECT target, proposal FROM trueup.proposal WHERE environment = $1`;

const SAVE = `
  WITH saved AS (
    INSERT INTO trueup.proposal (environment, target, proposal) VALUES ($8, $9, $10)
    ON CONFLICT (environment, target) DO UPDATE SET proposal = excluded.proposal, saved_at = now()
  )
  ${INSERT_EVENTS}`;

const REMOVE = `
  WITH removed AS (DELETE FROM trueup.proposal WHERE environment = $8 AND target = $9)
  ${INSERT_EVENTS}`;

export function proposals(query: Query): Proposals {
  return {
    load: async (environment) => {
      const rows = await query<{ target: string; proposal: string }>(LOAD, [environment]);
      return new Map(rows.map(({ target, proposal }) => [target, proposal]));
    },
    save: async (environment, target, { proposal, events }) => {
      await query(SAVE, [...eventColumns(events), environment, target, proposal]);
    },
    remove: async (environment, target, events) => {
      await query(REMOVE, [...eventColumns(events), environment, target]);
    },
  };
}
