import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TrueupError } from "../../../src/core/errors.js";
import { addressOf, postgresConnection } from "../../../src/lib/postgres/connection.js";
import { failure, redact } from "../../../src/lib/postgres/failure.js";
import { openSession } from "../../../src/targets/postgres/session.js";
import {
  caFile,
  opensslUnavailable,
  postgresUnavailable,
  startPostgres,
  type TestPostgres,
} from "../../support/postgres.js";
import { freePort } from "../../../src/demo/postgres-server.js";

const signal = () => AbortSignal.timeout(10_000);

/** The error of a first query, or its result. */
async function attempt(connection: object): Promise<unknown> {
  let session;
  try {
    session = await openSession(postgresConnection.parse(connection));
    return (
      await session.read(
        (client) => client.query<{ ssl: string }>("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"),
        signal(),
      )
    ).rows[0];
  } catch (error) {
    return session?.failure(error, { otherwise: "WRITE_FAILED" }) ?? error;
  } finally {
    await session?.close();
  }
}

describe("a connection's settings", () => {
  it.each([
    ["not a url", "expected a url"],
    ["mysql://a:hunter2@b/c", "begins with postgres://"],
    ["postgres://a:hunter2@b/c?sslmode=prefer", "sslmode must be one of"],
  ])("refuse %s, without repeating it", (url, message) => {
    const { error } = postgresConnection.safeParse({ url });
    expect(error?.message).toContain(message);
    expect(error?.message).not.toContain("hunter2");
  });

  it("take secrets out of a message, short ones only as whole words", () => {
    expect(redact("port 5 of 15 is my-secret-word", ["5", "secret-word"])).toBe("port ••• of 15 is my-•••");
  });

  it("stay in the address of a message, be a secret as short as a part of it", () => {
    const address = addressOf({ url: "postgres://ana@127.0.0.1:5432/1" });
    const error = failure(new Error("1 is no"), { address, secrets: ["1"], otherwise: "WRITE_FAILED" });
    expect(error.message).toBe("postgres 127.0.0.1:5432/1: ••• is no");
  });
});

describe.skipIf(postgresUnavailable !== undefined)("connecting", () => {
  let server: TestPostgres;
  beforeAll(async () => {
    server = await startPostgres({ tls: opensslUnavailable === undefined });
  });
  afterAll(() => server.close());

  it("takes user and password beside the url", async () => {
    const url = `postgres://127.0.0.1:${server.port}/postgres`;
    expect(await attempt({ url, user: "postgres", password: "test-superuser" })).toEqual({ ssl: "f" });
  });

  it.each<[string, (url: string) => Promise<object> | object, string, string]>([
    ["a wrong password", (url) => ({ url, password: "hunter2" }), "CONNECTION_DENIED", "refused the password"],
    [
      "no password",
      (url) => ({ url: url.replace(":test-superuser", "") }),
      "CONNECTION_DENIED",
      "refused the password",
    ],
    [
      "a database that is not there",
      (url) => ({ url: `${url}2` }),
      "CONNECTION_FAILED",
      'database "postgres2" does not exist',
    ],
    [
      "a server that is not there",
      async (url) => ({ url: url.replace(/:\d+\//, `:${await freePort()}/`) }),
      "CONNECTION_FAILED",
      "no connection: refused",
    ],
    [
      "a host that is not there",
      (url) => ({ url: url.replace("127.0.0.1", "nowhere.invalid") }),
      "CONNECTION_FAILED",
      "no connection",
    ],
    [
      "a certificate file that is not there",
      (url) => ({ url, ca: "/nowhere/ca.pem" }),
      "CONFIG_INVALID",
      "/nowhere/ca.pem cannot be read",
    ],
  ])("names %s, and no credential", async (_what, connection, code, message) => {
    const error = await attempt(await connection(server.url));
    expect(error).toBeInstanceOf(TrueupError);
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) as string });
    expect((error as TrueupError).hint).toBeTruthy();
    expect(JSON.stringify(error) + String(error) + String((error as TrueupError).hint)).not.toMatch(
      /hunter2|test-superuser/,
    );
  });

  it.skipIf(opensslUnavailable !== undefined)("uses TLS as sslmode says, and checks the authority", async () => {
    const { url } = server;
    expect(await attempt({ url: `${url}?sslmode=require` })).toEqual({ ssl: "t" });
    expect(await attempt({ url, ca: caFile(server) })).toEqual({ ssl: "t" });
    expect(await attempt({ url: `${url}?sslmode=verify-ca&sslrootcert=${caFile(server)}` })).toEqual({ ssl: "t" });
    expect(await attempt({ url: `${url}?sslmode=verify-full` })).toMatchObject({
      code: "CONNECTION_FAILED",
      message: expect.stringContaining("certificate is not trusted") as string,
    });
  });
});
