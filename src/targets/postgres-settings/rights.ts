import type { ClientBase } from "pg";
import { quoteIdentifier } from "../postgres/quote.js";
import { TrueupError } from "../../core/errors.js";
import { requireReload } from "./server.js";
import type { SettingsScope } from "./spec.js";

/** Single parameters can be granted from PostgreSQL 15 on; before, ALTER SYSTEM takes a superuser. */
const LACKING = `
  SELECT array_to_json(array(SELECT name FROM pg_settings WHERE name = ANY ($1::text[])
    AND NOT has_parameter_privilege(name, 'ALTER SYSTEM') ORDER BY name)) AS lacking`;
const SERVER = `
  SELECT current_setting('is_superuser') = 'on' AS superuser, current_setting('server_version_num')::int >= 150000 AS grants`;

/**
 * What would keep that role from ALTER SYSTEM on these settings. For the settings of a database or role nothing is known
 * before it is tried: who may alter which role depends on the server's version and on grants in chains.
 */
export async function mayWriteSettings(
  client: ClientBase,
  scope: SettingsScope,
  { names, role }: { names: readonly string[]; role: string },
): Promise<TrueupError | undefined> {
  if (scope.kind !== "server") return undefined;
  try {
    await requireReload(client, role);
  } catch (error) {
    if (error instanceof TrueupError) return error;
    throw error;
  }
  const { rows: servers } = await client.query<{ superuser: string; grants: string }>(SERVER);
  if (servers[0]?.superuser === "t") return undefined;
  if (servers[0]?.grants !== "t") {
    return new TrueupError("PERMISSION_DENIED", `role "${role}" may not run ALTER SYSTEM`, {
      hint: "before PostgreSQL 15 that takes a superuser",
    });
  }
  const { rows } = await client.query<{ lacking: string }>(LACKING, [names]);
  const lacking = JSON.parse(rows[0]?.lacking ?? "[]") as string[];
  if (lacking.length === 0) return undefined;
  const list = lacking.join(", ");
  return new TrueupError("PERMISSION_DENIED", `role "${role}" may not ALTER SYSTEM SET ${list}`, {
    hint: `as a superuser, run: GRANT ALTER SYSTEM ON PARAMETER ${list} TO ${quoteIdentifier(role)};`,
  });
}
