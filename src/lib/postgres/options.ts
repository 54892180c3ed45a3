import { readFile } from "node:fs/promises";
import type { ClientConfig } from "pg";
import { TrueupError } from "../../core/errors.js";
import { addressOf, tlsOf, type PostgresConnection, type Tls } from "./connection.js";

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * The driver's options for a connection. The url's TLS parameters are taken out of it: the driver reads them in a way of its
 * own and prints a warning. @throws CONFIG_INVALID where a certificate file cannot be read
 */
export async function clientOptions(connection: PostgresConnection): Promise<ClientConfig> {
  const { host, port, user, database } = addressOf(connection);
  const query = new URL(connection.url).searchParams;
  const password = connection.password ?? decodeURIComponent(new URL(connection.url).password);
  const options = query.get("options");
  return {
    host,
    port,
    user,
    database,
    // As a function: for an empty one the driver would look into ~/.pgpass and the environment, which trueup.yaml did not name.
    password: () => password,
    application_name: query.get("application_name") ?? "trueup",
    ...(options === null ? {} : { options }),
    ssl: await sslOptions(tlsOf(connection)),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  };
}

async function sslOptions({ mode, ca, certificate, key }: Tls): Promise<ClientConfig["ssl"]> {
  if (mode === "disable") return false;
  return {
    // As libpq: `require` alone encrypts without asking who is there; with an authority it also checks the certificate.
    rejectUnauthorized: mode !== "require" || ca !== undefined,
    ...(mode === "verify-full" ? {} : { checkServerIdentity: () => undefined }),
    ...(ca === undefined ? {} : { ca: await pem(ca) }),
    ...(certificate === undefined ? {} : { cert: await pem(certificate) }),
    ...(key === undefined ? {} : { key: await pem(key) }),
  };
}

async function pem(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    throw new TrueupError("CONFIG_INVALID", `the certificate file ${file} cannot be read (${code})`, {
      where: { file },
      hint: "check the connection's `ca`, or the url's sslrootcert, sslcert and sslkey",
    });
  }
}
