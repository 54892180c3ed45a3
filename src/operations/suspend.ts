import { z } from "zod";
import type { Operation } from "./operation.js";
import { select } from "./selection.js";

export interface SuspendReport {
  readonly schemaVersion: 1;
  readonly environments: readonly { readonly name: string; readonly suspended: boolean; readonly changed: boolean }[];
}

const suspendSchema = z.object({
  environments: z.array(z.string()).min(1),
  by: z.string(),
  reason: z.string(),
  /** ISO 8601; without one, until resumed. */
  until: z.string().optional(),
});

/** Stops all writes to an environment. It goes on being read, and what differs is shown. */
export const suspend: Operation<z.output<typeof suspendSchema>, SuspendReport> = {
  name: "suspend",
  args: suspendSchema,
  async run(session, { environments, by, reason, until }) {
    const store = await session.store();
    const names = [...select(session, environments).keys()];
    for (const environment of names) {
      const end = until === undefined ? {} : { until };
      await store.suspensions.set({ environment, by, reason, ...end });
      const message = `suspended by ${by}: ${reason}${until === undefined ? "" : `, until ${until}`}`;
      await store.history.append([{ environment, type: "suspended", message }]);
    }
    return { schemaVersion: 1, environments: names.map((name) => ({ name, suspended: true, changed: true })) };
  },
};

const resumeSchema = z.object({ environments: z.array(z.string()).min(1), by: z.string() });

export const resume: Operation<z.output<typeof resumeSchema>, SuspendReport> = {
  name: "resume",
  args: resumeSchema,
  async run(session, { environments, by }) {
    const store = await session.store();
    const result: { name: string; suspended: boolean; changed: boolean }[] = [];
    for (const environment of select(session, environments).keys()) {
      const changed = await store.suspensions.clear(environment);
      if (changed) await store.history.append([{ environment, type: "resumed", message: `resumed by ${by}` }]);
      result.push({ name: environment, suspended: false, changed });
    }
    return { schemaVersion: 1, environments: result };
  },
};
