import type { ProbeKind } from "../probe.js";
import { sqlSpec, type SqlSpec } from "./spec.js";

/** One query of a PostgreSQL database, which cannot write. */
export const sql: ProbeKind<SqlSpec> = {
  kind: "sql",
  schema: sqlSpec,
  paths: ["ca"],
  async open(spec) {
    const { openSql } = await import("./probe.js");
    return openSql(spec);
  },
};
