import { isMap } from "../core/value.js";
import { parseJson, stringifyJson } from "../lib/json.js";
import type { Query } from "./database.js";
import type { Event, History, NewEvent } from "./store.js";

/** Takes `eventColumns()` as $1 to $7: one array a column, so that any number of events is one statement. */
export const INSERT_EVENTS = `
  INSERT INTO trueup.event (environment, target, type, path, revision, message, detail)
  SELECT environment, target, type, path, revision, message, detail::json
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
    WITH ORDINALITY AS new (environment, target, type, path, revision, message, detail, position)
  ORDER BY position`;

/**
 * Behind `WITH changed AS (…)`: one statement, so that a decision and the event that tells of it are saved together or not at all,
 * and so that of several controllers that see the same only the one that changes the row tells it. $1 to $7 are `eventColumns()`
 * of one event, flat.
 */
export const TELL_CHANGED = `
  INSERT INTO trueup.event (environment, target, type, path, revision, message, detail)
  SELECT $1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::json FROM changed
  RETURNING 1`;

const LIST = `
  SELECT id, at, environment, target, type, path, revision, message, detail::text AS detail
  FROM trueup.event
  WHERE ($1::text IS NULL OR environment = $1) AND ($2::text IS NULL OR target = $2)
    AND ($3::timestamptz IS NULL OR at >= $3)
  ORDER BY at DESC, id DESC
  LIMIT $4`;

const PAGE = 1_000;

// By id, so that a page ends where the next one begins: instants are cut to milliseconds on their way here.
const READ = `
  SELECT id, at, environment, target, type, path, revision, message, detail::text AS detail
  FROM trueup.event
  WHERE type = ANY ($1) AND ($2::text IS NULL OR environment = $2) AND at >= $3 AND ($4::bigint IS NULL OR id < $4)
  ORDER BY id DESC
  LIMIT ${PAGE}`;

const OPEN_AT = `
  WITH told AS (
    SELECT *, greatest(
      max(id) FILTER (WHERE type = ANY ($3)) OVER (PARTITION BY environment, target, path),
      max(id) FILTER (WHERE type = 'retired') OVER (PARTITION BY environment, target)
    ) AS closed
    FROM trueup.event
    WHERE at < $1 AND ($4::text IS NULL OR environment = $4) AND target IS NOT NULL AND (type = ANY ($2) OR type = ANY ($3) OR type = 'retired')
  )
  SELECT DISTINCT ON (environment, target, path)
    id, at, environment, target, type, path, revision, message, detail::text AS detail
  FROM told
  WHERE type = ANY ($2) AND (closed IS NULL OR id > closed)
  ORDER BY environment, target, path, id`;

interface Row {
  id: string;
  at: Date;
  environment: string;
  target: string | null;
  type: string;
  path: string | null;
  revision: string | null;
  message: string;
  detail: string | null;
}

export function history(query: Query): History {
  return {
    append: async (events) => {
      if (events.length > 0) await query(INSERT_EVENTS, eventColumns(events));
    },
    list: async ({ environment = null, target = null, since = null, limit }) => {
      const rows = await query<Row>(LIST, [environment, target, since?.toISOString() ?? null, limit]);
      return rows.map(eventOf);
    },
    read: (wanted) => read(query, wanted),
    openAt: async (moment, { opens, closes, environment = null }) => {
      const rows = await query<Row>(OPEN_AT, [moment.toISOString(), [...opens], [...closes], environment]);
      return rows.map(eventOf);
    },
  };
}

async function* read(
  query: Query,
  { types, environment = null, since }: { types: readonly string[]; environment?: string | null; since: Date },
): AsyncGenerator<Event> {
  let before: string | null = null;
  for (;;) {
    const rows: readonly Row[] = await query<Row>(READ, [[...types], environment, since.toISOString(), before]);
    yield* rows.map(eventOf);
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE) return;
    before = last.id;
  }
}

/** One array a column, in the order of INSERT_EVENTS. */
export function eventColumns(events: readonly NewEvent[]): readonly unknown[] {
  return [
    events.map(({ environment }) => environment),
    events.map(({ target }) => target),
    events.map(({ type }) => type),
    events.map(({ path }) => path && storable(path)),
    events.map(({ revision }) => revision),
    events.map(({ message }) => storable(message)),
    events.map(({ detail }) => detail && stringifyJson(detail)),
  ];
}

// PostgreSQL's text holds every character but NUL, which a key or value of a YAML document may hold.
export function storable(text: string): string {
  return text.replaceAll("\0", "\u{fffd}");
}

function eventOf(row: Row): Event {
  const { target, path, revision } = row;
  const detail = row.detail === null ? undefined : parseJson(row.detail);
  return {
    id: Number(row.id),
    at: row.at.toISOString(),
    environment: row.environment,
    type: row.type,
    message: row.message,
    ...(target !== null && { target }),
    ...(path !== null && { path }),
    ...(revision !== null && { revision }),
    ...(isMap(detail) && { detail }),
  };
}
