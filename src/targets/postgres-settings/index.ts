import { postgresConnection, type PostgresConnection } from "../../lib/postgres/connection.js";
import type { TargetKind } from "../target.js";
import { admitSettings, postgresSettingsSpec, type PostgresSettingsSpec } from "./spec.js";

/** Server settings: name → value, of the server, a database or a role. */
export const postgresSettings: TargetKind<PostgresSettingsSpec, PostgresConnection> = {
  kind: "postgres-settings",
  manyDocuments: false,
  spec: postgresSettingsSpec,
  connection: postgresConnection,
  admit: admitSettings,
  open: async (options) => (await import("./target.js")).openSettings(options),
};
