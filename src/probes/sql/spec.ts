import { z } from "zod";
import { durationSchema } from "../../lib/duration.js";
import { postgresConnection } from "../../lib/postgres/connection.js";

export const sqlSpec = postgresConnection.pick({ url: true, user: true, password: true, ca: true }).extend({
  /** Must answer one row with one column that is true. */
  query: z.string().min(1),
  timeout: durationSchema.default(5_000),
});
export type SqlSpec = z.output<typeof sqlSpec>;
