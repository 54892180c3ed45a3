import { afterAll, beforeAll, describe } from "vitest";
import { formatPointer, parsePointer } from "../../src/core/pointer.js";
import { isMap, mapOf, type Document, type Value } from "../../src/core/value.js";
import { stringifyJson } from "../../src/lib/json.js";
import { writeUntyped } from "../../src/lib/untyped.js";
import { postgresTable } from "../../src/targets/postgres-table/index.js";
import { pushSql } from "../../src/targets/postgres-table/push.js";
import { writerSql } from "../../src/targets/postgres-table/writer-setup.js";
import { describeTarget, type TargetPlace } from "../contract/target.js";
import { postgresMajors, postgresUnavailable, startPostgres, type TestPostgres } from "../support/postgres.js";

const before: Document = mapOf([
  [
    "pool",
    mapOf([
      ["max", 20],
      ["idle", true],
    ]),
  ],
  ["site", "north"],
  ["huge", 9007199254740993n],
  ["old", mapOf([["gone", 1]])],
]);

describe.skipIf(postgresUnavailable !== undefined)("postgres-table", () => {
  for (const [index, major] of postgresMajors.entries()) {
    for (const type of index === 0 ? (["jsonb", "text"] as const) : (["jsonb"] as const)) {
      describe(`${type} on PostgreSQL ${major}`, () => {
        let server: TestPostgres;
        let admin: string;
        beforeAll(async () => {
          server = await startPostgres({ major });
          admin = await server.newDatabase();
        });
        afterAll(() => server.close());
        describeTarget({
          name: `postgres-table, ${type}, PostgreSQL ${major}`,
          examples: {
            before,
            changes: [
              { path: "/pool/min", expected: undefined, desired: 2 },
              { path: "/pool/max", expected: 20, desired: 50 },
              { path: "/fresh", expected: undefined, desired: "hello" },
              { path: "/old", expected: mapOf([["gone", 1]]), desired: undefined },
            ],
            neighbour: "/huge",
            race: { change: { path: "/pool/max", expected: 20, desired: 50 }, intruder: 5 },
            rejected: {
              bad: { path: "/site", expected: "north", desired: "rejected-hunter2" },
              good: { path: "/pool/max", expected: 20, desired: 50 },
            },
            secrets: ["hunter2", "role-password"],
          },
          create: () => place(server, { type, admin }),
        });
      });
    }
  }
});

async function place(
  server: TestPostgres,
  { type, admin }: { type: "jsonb" | "text"; admin: string },
): Promise<TargetPlace> {
  const url = await server.newRole({ password: "role-password", url: admin });
  const role = new URL(url).username;
  const name = { schema: "app", table: "settings" };
  const text = (value: Value) => (type === "jsonb" ? stringifyJson(value) : writeUntyped(value));
  await server.sql(
    `DROP SCHEMA IF EXISTS app CASCADE; CREATE SCHEMA app; CREATE TABLE app.settings (key text PRIMARY KEY, value ${type} NOT NULL, note text DEFAULT 'kept',
       CONSTRAINT no_rejects CHECK (value::text NOT LIKE '%rejected%'));
     GRANT USAGE ON SCHEMA app TO ${role}; GRANT SELECT, INSERT, UPDATE, DELETE ON app.settings TO ${role};
     ${pushSql(name).install}
     ${writerSql({ name, key: "key", value: "value", where: [] }, role).install}`,
    { url: admin },
  );
  const put = (key: string, value: Value) =>
    server.sql(
      `INSERT INTO app.settings VALUES ($1, $2::${type}) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
      { values: [key, text(value)], url: admin },
    );
  for (const [key, value] of Object.entries(before)) await put(key, value);
  const spec = postgresTable.spec.parse({ table: "app.settings" });
  const connection = postgresTable.connection.parse({ url });
  const open = () => postgresTable.open({ environment: "test", name: "settings", spec, connection, lists: {} });
  const target = await open();
  return {
    target,
    another: open,
    write: async (path, value) => {
      const [key = "", ...inner] = parsePointer(path);
      if (value === undefined)
        await server.sql("DELETE FROM app.settings WHERE key = $1", { values: [key], url: admin });
      else if (inner.length === 0) await put(key, value);
      else {
        const row = before[key];
        const rest = isMap(row) ? Object.entries(row) : [];
        if (inner.length > 1) throw new Error(`too deep: ${formatPointer(inner)}`);
        await put(key, mapOf([...rest, [inner[0] ?? "", value]]));
      }
    },
    interrupt: async () => {
      await server.stop();
      return () => server.start();
    },
    close: () => target.close(),
  };
}
