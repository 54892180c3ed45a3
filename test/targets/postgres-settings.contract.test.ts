import pg from "pg";
import { afterAll, beforeAll, describe } from "vitest";
import { parsePointer } from "../../src/core/pointer.js";
import { mapOf, type Document, type Value } from "../../src/core/value.js";
import { postgresSettings } from "../../src/targets/postgres-settings/index.js";
import { describeTarget, type TargetExamples, type TargetPlace } from "../contract/target.js";
import { postgresMajors, postgresUnavailable, startPostgres, type TestPostgres } from "../support/postgres.js";

const before: Document = mapOf([
  ["work_mem", "8MB"],
  ["statement_timeout", "1min"],
  ["search_path", '"$user", public'],
  ["default_tablespace", "pg_default"],
]);

const examples: TargetExamples = {
  before,
  changes: [
    { path: "/lock_timeout", expected: undefined, desired: "10s" },
    { path: "/work_mem", expected: "8MB", desired: "16MB" },
    { path: "/statement_timeout", expected: "1min", desired: undefined },
  ],
  neighbour: "/default_tablespace",
  race: { change: { path: "/work_mem", expected: "8MB", desired: "16MB" }, intruder: "5MB" },
  rejected: {
    bad: { path: "/timezone_abbreviations", expected: undefined, desired: "hunter2" },
    good: { path: "/work_mem", expected: "8MB", desired: "16MB" },
  },
  secrets: ["hunter2", "test-superuser", "role-password"],
};

const SCOPES = ["server", "database", "role", "role in database"] as const;
type Scope = (typeof SCOPES)[number];

describe.skipIf(postgresUnavailable !== undefined)("postgres-settings", () => {
  for (const [index, major] of postgresMajors.entries()) {
    for (const scope of index === 0 ? SCOPES : SCOPES.slice(0, 1)) {
      describe(`${scope} on PostgreSQL ${major}`, () => {
        let server: TestPostgres;
        let database: string;
        beforeAll(async () => {
          server = await startPostgres({ major });
          database = new URL(await server.newDatabase()).pathname.slice(1);
        });
        afterAll(() => server.close());
        describeTarget({
          name: `postgres-settings, scope ${scope}, PostgreSQL ${major}`,
          examples,
          watches: false,
          create: () => place(server, { scope, database }),
        });
      });
    }
  }
});

async function place(
  server: TestPostgres,
  { scope, database }: { scope: Scope; database: string },
): Promise<TargetPlace> {
  const role = new URL(await server.newRole({ password: "role-password" })).username;
  const alter = {
    server: "ALTER SYSTEM",
    database: `ALTER DATABASE ${database}`,
    role: `ALTER ROLE ${role}`,
    "role in database": `ALTER ROLE ${role} IN DATABASE ${database}`,
  }[scope];
  const set = async (name: string, value: Value | undefined) => {
    const parameter = name.split(".").map(pg.escapeIdentifier).join(".");
    const literal = value === undefined ? undefined : literalOf(name, value);
    await server.sql(`${alter} ${literal === undefined ? `RESET ${parameter}` : `SET ${parameter} = ${literal}`}`);
    if (scope === "server") await server.sql("SELECT pg_reload_conf()");
  };
  // What the test before has set; a role is each test's own.
  if (scope === "server" || scope === "database") await server.sql(`${alter} RESET ALL`);
  for (const [name, value] of Object.entries(before)) await set(name, value);
  const specs = {
    server: {},
    database: { scope: "database", database },
    role: { scope: "role", role },
    "role in database": { scope: "role", role, database },
  };
  const spec = postgresSettings.spec.parse(specs[scope]);
  const connection = postgresSettings.connection.parse({ url: server.url });
  const open = () => postgresSettings.open({ environment: "test", name: "server", spec, connection, lists: {} });
  const target = await open();
  return {
    target,
    another: open,
    write: (path, value) => set(parsePointer(path)[0] ?? "", value),
    interrupt: async () => {
      await server.stop();
      return () => server.start();
    },
    close: () => target.close(),
  };
}

function literalOf(name: string, value: Value): string {
  if (typeof value !== "string") throw new Error("the examples hold texts alone");
  return name === "search_path" ? `'$user', 'public'` : pg.escapeLiteral(value);
}
