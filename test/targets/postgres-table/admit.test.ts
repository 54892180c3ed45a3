import { describe, expect, it } from "vitest";
import { mapOf, type Document } from "../../../src/core/value.js";
import { postgresTable } from "../../../src/targets/postgres-table/index.js";

interface Admission {
  readonly spec: object;
  readonly tables?: string[];
  readonly document?: Document;
}

function admit({ spec, tables, document = mapOf([]) }: Admission) {
  const url = "postgres://trueup:hunter2@DB.example/shop";
  const connection = postgresTable.connection.parse(tables === undefined ? { url } : { url, tables });
  return postgresTable.admit({ spec: postgresTable.spec.parse(spec), connection, document });
}

describe("admitting a settings table", () => {
  it("claims the table with its scope, without the password", () => {
    expect(admit({ spec: { table: "settings", where: { tenant: 1, app: "web" } } })).toEqual([
      { system: "postgres db.example:5432/shop", path: ["table", "public.settings", "app=web", "tenant=1"] },
    ]);
  });

  it("reaches only tables that the connection names", () => {
    expect(admit({ spec: { table: "public.settings" }, tables: ["settings"] })).toHaveLength(1);
    expect(() => admit({ spec: { table: "app.setting" }, tables: ["app.settings"] })).toThrow(
      expect.objectContaining({ code: "TARGET_REFUSED", hint: expect.stringContaining('"app.settings"') as string }),
    );
  });

  it("keeps away from the server's own tables", () => {
    const spec = { table: "pg_catalog.pg_authid", key: "rolname", value: "rolpassword" };
    expect(() => admit({ spec })).toThrow(expect.objectContaining({ code: "TARGET_REFUSED" }));
    expect(admit({ spec, tables: ["pg_catalog.pg_authid"] })).toHaveLength(1);
  });

  it("refuses a NUL character, which no text of PostgreSQL holds", () => {
    const document = mapOf([["a", mapOf([["b", ["x\0hunter2"]]])]]);
    expect(() => admit({ spec: { table: "t" }, document })).toThrow('row "a" holds a NUL character');
  });

  it.each(["a.b.c", "", "a b", '"unclosed', "a."])("refuses %j as a table's name", (table) => {
    expect(postgresTable.spec.safeParse({ table }).success).toBe(false);
  });
});
