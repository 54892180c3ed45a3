import type { Query, Transaction } from "./database.js";
import { putMessages } from "./outbox.js";
import type { Schedules } from "./store.js";

const LAST = `SELECT taken FROM trueup.schedule WHERE schedule = $1`;

// Of two that come at once, the later waits for the earlier, and then finds its time taken.
const TAKE = `
  INSERT INTO trueup.schedule (schedule, taken) VALUES ($1, $2)
  ON CONFLICT (schedule) DO UPDATE SET taken = excluded.taken WHERE schedule.taken < excluded.taken
  RETURNING schedule`;

export function schedules(query: Query, transaction: Transaction): Schedules {
  return {
    last: async (schedule) => {
      const [row] = await query<{ taken: Date }>(LAST, [schedule]);
      return row?.taken.toISOString();
    },
    take: (schedule, time, messages) =>
      transaction(async (inside) => {
        const taken = await inside(TAKE, [schedule, time]);
        if (taken.length === 0) return false;
        await putMessages(inside, messages);
        return true;
      }),
  };
}
