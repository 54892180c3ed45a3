import { z } from "zod";

/** libpq's words. `prefer` and `allow` are left out: they fall back to plain text where someone in between asks for it. */
const SSL_MODES = ["disable", "require", "verify-ca", "verify-full"] as const;
type SslMode = (typeof SSL_MODES)[number];

const url = z.string().superRefine((text, context) => {
  const fault = urlFault(text);
  if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
});

/** What trueup.yaml may say of a connection to PostgreSQL. */
export const postgresConnection = z.strictObject({
  /** `postgres://user:password@host:port/database?sslmode=verify-full` */
  url,
  /** These win over the url's, so that a password need not be escaped to stand in one. */
  user: z.string().min(1).optional(),
  password: z.string().min(1).optional(),
  /** File of the certificate authority that the server's certificate must come from; implies `verify-full`. */
  ca: z.string().min(1).optional(),
  /** The tables that targets may reach, `schema.table`; all but the system's own where it is absent. */
  tables: z.array(z.string().min(1)).optional(),
  /** The server settings that targets may write; see `refusal` in postgres-settings for the default. */
  settings: z.array(z.string().min(1)).optional(),
});
export type PostgresConnection = z.infer<typeof postgresConnection>;

function urlFault(text: string): string | undefined {
  if (!URL.canParse(text)) return "expected a url of the form postgres://user:password@host:5432/database";
  const parsed = new URL(text);
  if (!["postgres:", "postgresql:"].includes(parsed.protocol)) return "expected a url that begins with postgres://";
  const mode = parsed.searchParams.get("sslmode");
  if (mode === null || SSL_MODES.some((known) => known === mode)) return undefined;
  return `the url's sslmode must be one of ${SSL_MODES.join(", ")}`;
}

/** Where a connection leads, for people and for claims. Nothing of it is secret. */
export interface Address {
  /** `postgres host:port/database` */
  readonly system: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

export function addressOf(connection: PostgresConnection): Address {
  const parsed = new URL(connection.url);
  const query = parsed.searchParams;
  const host = query.get("host") ?? (decodeURIComponent(parsed.hostname) || "localhost");
  const port = Number(query.get("port") ?? (parsed.port || 5432));
  const user = connection.user ?? (decodeURIComponent(parsed.username) || "postgres");
  const database = decodeURIComponent(parsed.pathname.slice(1)) || user;
  return { system: `postgres ${host.toLowerCase()}:${port}/${database}`, host, port, user, database };
}

/** The texts that no message may hold: the password as it is and as the url writes it. */
export function secretsOf(connection: PostgresConnection): readonly string[] {
  const written = new URL(connection.url).password;
  return [connection.password ?? "", written, decodeURIComponent(written)].filter((text) => text !== "");
}

export interface Tls {
  readonly mode: SslMode;
  /** Files, PEM. */
  readonly ca?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

export function tlsOf(connection: PostgresConnection): Tls {
  const query = new URL(connection.url).searchParams;
  const ca = connection.ca ?? query.get("sslrootcert") ?? undefined;
  const mode = SSL_MODES.find((known) => known === query.get("sslmode"));
  return {
    mode: mode ?? (ca === undefined ? "disable" : "verify-full"),
    ca,
    certificate: query.get("sslcert") ?? undefined,
    key: query.get("sslkey") ?? undefined,
  };
}
