import { postgresConnection, type PostgresConnection } from "../../lib/postgres/connection.js";
import type { TargetKind } from "../target.js";
import { admitTable, postgresTableSpec, type PostgresTableSpec } from "./spec.js";

/** A key/value table: row key → value. */
export const postgresTable: TargetKind<PostgresTableSpec, PostgresConnection> = {
  kind: "postgres-table",
  manyDocuments: false,
  spec: postgresTableSpec,
  connection: postgresConnection,
  admit: admitTable,
  load: () => Promise.all([import("./target.js"), import("pg")]),
  open: async (options) => (await import("./target.js")).openTable(options),
  push: async (options) => (await import("./push-setup.js")).tablePushSetup(options),
};
