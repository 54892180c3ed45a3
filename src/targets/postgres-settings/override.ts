import type { ClientBase } from "pg";
import { TrueupError } from "../../core/errors.js";
import type { Value } from "../../core/value.js";
import { quoteIdentifier } from "../postgres/quote.js";
import { factsOf, type Facts } from "./facts.js";
import { liveValue, type Live } from "./live.js";
import type { SettingsScope } from "./spec.js";

export type Override = Extract<SettingsScope, { kind: "override" }>;

const ENTRIES = `
  SELECT d.oid IS NOT NULL AS database, r.oid IS NOT NULL AS role,
    (SELECT json_agg(entry) FROM pg_db_role_setting s, unnest(s.setconfig) AS entry
      WHERE s.setdatabase = coalesce(d.oid, 0) AND s.setrole = coalesce(r.oid, 0)) AS entries
  FROM (VALUES (1)) AS one LEFT JOIN pg_database d ON d.datname = $1 LEFT JOIN pg_roles r ON r.rolname = $2`;

/** What is set for the database or role itself; a setting that has no entry is absent. */
export async function readOverride(client: ClientBase, scope: Override): Promise<Live & { facts: Facts }> {
  const { rows } = await client.query<{ database: string; role: string; entries: string | null }>(ENTRIES, [
    scope.database ?? null,
    scope.role ?? null,
  ]);
  const row = rows[0];
  if (scope.database !== undefined && row?.database !== "t") throw missing("database", scope.database);
  if (scope.role !== undefined && row?.role !== "t") throw missing("role", scope.role);
  const entries = (JSON.parse(row?.entries ?? "[]") as string[]).map((entry): [string, string] => {
    const at = entry.indexOf("=");
    return [entry.slice(0, at), entry.slice(at + 1)];
  });
  const known = await factsOf(client);
  const fresh = entries.some(([name]) => !known.has(name));
  const facts = fresh ? await factsOf(client, { fresh }) : known;
  const values = new Map(entries.map(([name, text]): [string, Value] => [name, liveValue(facts, name, text)]));
  return { values, pending: new Set(), facts };
}

function missing(what: "database" | "role", name: string): TrueupError {
  return new TrueupError("TARGET_INVALID", `${what} "${name}" does not exist`, {
    hint: `check the target's \`${what}\` in environment.yaml`,
  });
}

/** `ALTER ROLE app IN DATABASE shop`: what SET or RESET then follows. */
export function alterOverride({ database, role }: Override): string {
  if (role === undefined) return `ALTER DATABASE ${quoteIdentifier(database ?? "")}`;
  const within = database === undefined ? "" : ` IN DATABASE ${quoteIdentifier(database)}`;
  return `ALTER ROLE ${quoteIdentifier(role)}${within}`;
}
