import { z } from "zod";
import { durationSchema } from "../../lib/duration.js";
import { postgresConnection } from "../../lib/postgres/connection.js";
import type { ProbeKind } from "../probe.js";

const schema = postgresConnection.pick({ url: true, user: true, password: true, ca: true }).extend({
  /** Must answer one row with one column that is true. */
  query: z.string().min(1),
  timeout: durationSchema.default(5_000),
});
export type SqlSpec = z.output<typeof schema>;

/** One query of a PostgreSQL database, which cannot write. */
export const sql: ProbeKind<SqlSpec> = {
  kind: "sql",
  schema,
  paths: ["ca"],
  async open(spec) {
    const { openSql } = await import("./probe.js");
    return openSql(spec);
  },
};
