import type { Query } from "./database.js";
import { eventColumns, TELL_CHANGED } from "./history.js";
import type { Approval, Approvals } from "./store.js";

const LIST = `
  SELECT environment, target, plan, asked, approved_by, reason, approved_at
  FROM trueup.approval
  WHERE $1::text IS NULL OR environment = $1
  ORDER BY environment, target`;

const SET = `
  WITH changed AS (
    INSERT INTO trueup.approval AS known (environment, target, plan, asked, approved_by, reason)
    VALUES ($8, $9, $10, $11, $12, $13)
    ON CONFLICT (environment, target) DO UPDATE
    SET plan = excluded.plan, asked = excluded.asked, approved_by = excluded.approved_by, reason = excluded.reason,
      approved_at = now()
    WHERE known.plan <> excluded.plan
    RETURNING 1
  )
  ${TELL_CHANGED}`;

const REMOVE = `
  WITH changed AS (
    DELETE FROM trueup.approval WHERE environment = $8 AND target = $9 AND plan = $10
    RETURNING 1
  )
  ${TELL_CHANGED}`;

interface Row {
  environment: string;
  target: string;
  plan: string;
  asked: string;
  approved_by: string;
  reason: string | null;
  approved_at: Date;
}

export function approvals(query: Query): Approvals {
  return {
    list: async (environment) => (await query<Row>(LIST, [environment ?? null])).map(approvalOf),
    set: async ({ environment, target, plan, asked, by, reason = null }, event) => {
      const values = [environment, target, plan, asked, by, reason];
      return (await query(SET, [...eventColumns([event]).flat(), ...values])).length > 0;
    },
    remove: async ({ environment, target, plan }, event) =>
      (await query(REMOVE, [...eventColumns([event]).flat(), environment, target, plan])).length > 0,
  };
}

function approvalOf({ environment, target, plan, asked, approved_by: by, reason, approved_at }: Row): Approval {
  const at = approved_at.toISOString();
  return { environment, target, plan, asked, by, ...(reason !== null && { reason }), at };
}
