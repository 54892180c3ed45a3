import { TrueupError } from "../core/errors.js";
import type { Database } from "./database.js";

const CONNECT_TIMEOUT = 10_000;

/** A PostgreSQL server's database. Nothing is sent yet: the first query connects. @throws TrueupError CONFIG_INVALID */
export async function serverDatabase(url: string): Promise<Database> {
  const name = nameOf(url);
  const { Pool } = (await import("pg")).default;
  const pool = new Pool({
    connectionString: url,
    application_name: "trueup",
    connectionTimeoutMillis: CONNECT_TIMEOUT,
    keepAlive: true,
    max: 4,
  });
  // An idle connection that the server closes is dropped from the pool; without a listener it would end the process.
  pool.on("error", () => undefined);
  return { pool, name, exclusive: false, close: () => pool.end() };
}

/** Without user information and parameters: both may hold a password. */
function nameOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^postgres(ql)?:$/.test(parsed.protocol)) {
    // The text itself may hold a password: it is not quoted.
    throw new TrueupError("CONFIG_INVALID", "`store` is not the URL of a PostgreSQL database", {
      hint: "Write postgres://user:password@host:5432/database, with %-escapes in user and password; leave `store` out for the embedded one.",
    });
  }
  return `the store postgres://${parsed.host || "localhost"}${parsed.pathname}`;
}
