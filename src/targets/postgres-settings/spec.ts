import { z } from "zod";
import { TrueupError } from "../../core/errors.js";
import { addressOf, type PostgresConnection } from "../../lib/postgres/connection.js";
import type { AdmitRequest, Claim } from "../target.js";
import { requireReachable } from "./reach.js";

/** What environment.yaml may say of server settings. */
export const postgresSettingsSpec = z
  .strictObject({
    /**
     * `server`: ALTER SYSTEM. `database`: ALTER DATABASE. `role`: ALTER ROLE, only in `database` where that is named.
     * What is set for a database or a role holds for its new sessions.
     */
    scope: z.enum(["server", "database", "role"]).default("server"),
    /** Default for the scope `database`: the connection's. */
    database: z.string().min(1).optional(),
    /** Default for the scope `role`: the connection's. */
    role: z.string().min(1).optional(),
  })
  .superRefine(({ scope, database, role }, context) => {
    const superfluous = scope === "server" ? (database ?? role) : scope === "database" ? role : undefined;
    if (superfluous === undefined) return;
    const key = scope === "server" && database !== undefined ? "database" : "role";
    context.addIssue({ code: "custom", path: [key], message: `\`scope: ${scope}\` takes no \`${key}\`` });
  });
export type PostgresSettingsSpec = z.infer<typeof postgresSettingsSpec>;

/** Whose settings: those of the whole server, or of a database, a role, or a role in a database. */
export type SettingsScope =
  { readonly kind: "server" } | { readonly kind: "override"; readonly database?: string; readonly role?: string };

export function scopeOf(spec: PostgresSettingsSpec, connection: PostgresConnection): SettingsScope {
  const address = addressOf(connection);
  if (spec.scope === "server") return { kind: "server" };
  if (spec.scope === "database") return { kind: "override", database: spec.database ?? address.database };
  const role = spec.role ?? address.user;
  return spec.database === undefined ? { kind: "override", role } : { kind: "override", role, database: spec.database };
}

/** A claim a setting: two targets may share a server as long as they name different settings. */
export function admitSettings(request: AdmitRequest<PostgresSettingsSpec, PostgresConnection>): readonly Claim[] {
  const { spec, connection, document } = request;
  const { host, port } = addressOf(connection);
  const scope = scopeOf(spec, connection);
  // These belong to the server, whichever of its databases the connection leads to.
  const system = `postgres ${host.toLowerCase()}:${port}`;
  return Object.entries(document).map(([name, value]) => {
    requireReachable(name, connection);
    requireOneLine(name, value);
    return { system, path: ["settings", ...scopeNames(scope), name.toLowerCase()] };
  });
}

function scopeNames(scope: SettingsScope): readonly string[] {
  if (scope.kind === "server") return ["server"];
  const database = scope.database === undefined ? [] : ["database", scope.database];
  return scope.role === undefined ? database : ["role", scope.role, ...database];
}

function requireOneLine(name: string, value: unknown): void {
  if (typeof value !== "string" || !/[\n\r\0]/.test(value)) return;
  throw new TrueupError("DOCUMENT_UNREPRESENTABLE", `the value of ${name} has more than one line`, {
    hint: "a server setting is one line of text",
  });
}
