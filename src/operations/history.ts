import { z } from "zod";
import type { Event } from "../store/store.js";
import type { Operation } from "./operation.js";
import { select } from "./selection.js";

export interface HistoryReport {
  readonly schemaVersion: 1;
  /** Newest first. */
  readonly events: readonly Event[];
}

const argsSchema = z.object({
  environments: z.array(z.string()),
  /** ISO 8601. */
  since: z.string().optional(),
  limit: z.int().min(1).max(10_000).default(50),
});

export const history: Operation<z.input<typeof argsSchema>, HistoryReport> = {
  name: "history",
  args: argsSchema,
  async run(session, { environments, since, limit = 50 }) {
    const store = await session.store();
    const from = since === undefined ? {} : { since: new Date(since) };
    if (environments.length === 0) return { schemaVersion: 1, events: await store.history.list({ ...from, limit }) };
    const queries = [...select(session, environments)].flatMap(([environment, targets]) =>
      targets === undefined ? [{ environment }] : targets.map((target) => ({ environment, target })),
    );
    const lists = await Promise.all(queries.map((query) => store.history.list({ ...query, ...from, limit })));
    const events = lists.flat().sort((a, b) => b.id - a.id);
    return { schemaVersion: 1, events: events.slice(0, limit) };
  },
};
