import { TrueupError } from "../core/errors.js";
import type { Query } from "./database.js";
import { storable } from "./history.js";
import { putMessages } from "./outbox.js";
import type { IncidentChange, Incidents, News, StoredIncident } from "./store.js";

const OPEN = `
  SELECT fingerprint, environment, target, path, view, severity, held, escalated_after, told, opened_with, version
  FROM trueup.incident
  WHERE closed_at IS NULL AND environment = $1 AND target = ANY ($2)
  ORDER BY id`;

// An incident that begins and ends in one pass comes closed. Two controllers may find one drift at the same moment: the
// unique index lets one of them open it, and waits for the first transaction to tell.
const INSERT = `
  INSERT INTO trueup.incident
    (fingerprint, environment, target, path, view, severity, held, escalated_after, told, opened_with, closed_as, closed_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, CASE WHEN $11::text IS NULL THEN NULL ELSE now() END)
  ON CONFLICT DO NOTHING
  RETURNING id`;

const UPDATE = `
  UPDATE trueup.incident
  SET view = $2, severity = $3, held = $4, escalated_after = $5, told = $6, version = version + 1, changed_at = now(),
    closed_as = $7, closed_at = CASE WHEN $7::text IS NULL THEN NULL ELSE now() END
  WHERE fingerprint = $1 AND closed_at IS NULL AND version = $8
  RETURNING id`;

interface Row {
  fingerprint: string;
  environment: string;
  target: string;
  path: string | null;
  view: string;
  severity: string;
  held: boolean;
  escalated_after: string;
  told: string[];
  opened_with: string;
  version: number;
}

export function incidents(query: Query): Incidents {
  return {
    open: async (environment, targets) => (await query<Row>(OPEN, [environment, [...targets]])).map(incidentOf),
  };
}

/** Within a transaction. @throws TrueupError STORE_BUSY */
export async function saveNews(query: Query, { incidents: changes, messages }: News): Promise<void> {
  for (const change of changes) {
    const saved = await (change.version === undefined
      ? query(INSERT, inserted(change))
      : query(UPDATE, updated(change)));
    if (saved.length > 0) continue;
    throw new TrueupError("STORE_BUSY", "another controller has changed the incident", {
      hint: "the next pass looks again",
    });
  }
  await putMessages(query, messages);
}

function inserted(change: IncidentChange): readonly unknown[] {
  const { fingerprint, environment, target, path, view, severity, held, escalatedAfter, told, openedWith } = change;
  return [
    ...[fingerprint, environment, target, path === undefined ? null : storable(path), view, severity, held],
    ...[escalatedAfter, [...told], openedWith, change.closedAs ?? null],
  ];
}

function updated(change: IncidentChange): readonly unknown[] {
  const { fingerprint, view, severity, held, escalatedAfter, told, closedAs = null, version } = change;
  return [fingerprint, view, severity, held, escalatedAfter, [...told], closedAs, version];
}

function incidentOf(row: Row): StoredIncident {
  const { fingerprint, environment, target, path, view, severity, held, told, version } = row;
  return {
    ...{ fingerprint, environment, target, view, severity, held, told, version },
    ...(path !== null && { path }),
    escalatedAfter: Number(row.escalated_after),
    openedWith: row.opened_with,
  };
}
