import { TrueupError } from "../../core/errors.js";
import { suggestion } from "../../lib/suggest.js";
import type { PostgresConnection } from "../../lib/postgres/connection.js";

/** Settings that run code, open files, or decide who is let in and believed, and that no pattern below catches. */
const DANGEROUS = new Set([
  // code
  "jit_provider",
  "ssl_passphrase_command_supports_reload",
  // who may connect, and from where
  "listen_addresses",
  "unix_socket_group",
  "unix_socket_permissions",
  "bonjour",
  "ssl",
  "ssl_crl_dir",
  "password_encryption",
  "db_user_namespace",
  "krb_caseins_users",
  "gss_accept_delegation",
  // what is believed or checked
  "primary_conninfo",
  "role",
  "session_authorization",
  "session_replication_role",
  "row_security",
  "allow_system_table_mods",
  "lo_compat_privileges",
  "createrole_self_grant",
  "event_triggers",
  // where files are written
  "log_filename",
]);

/** `archive_command`, `shared_preload_libraries`, `ssl_key_file`, `dynamic_library_path`, and what extensions name alike. */
const DANGEROUS_PATTERN =
  /_(command|commands|file|files|library|libraries|keyfile|path|directory|directories)$|_preload_|^pl\w+\.(on_|start_)|^pl\w+\.\w*_(init|proc)$/;
const HARMLESS = new Set(["search_path"]);

export function isDangerous(name: string): boolean {
  const lower = name.toLowerCase();
  return !HARMLESS.has(lower) && (DANGEROUS.has(lower) || DANGEROUS_PATTERN.test(lower));
}

/**
 * Why the connection does not let targets write that setting, or undefined where it does. Its `settings` are the list of
 * those that it lets through, `*` among them standing for every one that is not dangerous; a dangerous one must be named.
 */
export function refusal(name: string, connection: PostgresConnection): "dangerous" | "narrowed" | undefined {
  const named = connection.settings?.some((text) => text.toLowerCase() === name.toLowerCase()) ?? false;
  if (named) return undefined;
  if (isDangerous(name)) return "dangerous";
  return connection.settings === undefined || connection.settings.includes("*") ? undefined : "narrowed";
}

/** @throws TARGET_REFUSED */
export function requireReachable(name: string, connection: PostgresConnection): void {
  const why = refusal(name, connection);
  if (why === undefined) return;
  if (why === "dangerous") {
    throw new TrueupError("TARGET_REFUSED", `${name} can run code or decide whom the server trusts`, {
      hint: `only a connection whose \`settings\` name it lets git write it: settings: ["*", ${name}] in trueup.yaml`,
    });
  }
  throw new TrueupError("TARGET_REFUSED", `the connection does not let targets write ${name}`, {
    hint: `add it to the connection's \`settings\` in trueup.yaml; ${suggestion(name, connection.settings ?? [])}`,
  });
}
