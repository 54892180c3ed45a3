import type { Gate } from "./gate.js";

/** Named targets in a reason; a count for the rest. */
const NAMED = 3;

/** The source environment is in sync at that revision: what was tested is what is running. Stands in front of every hop. */
export const synced: Gate = {
  name: "synced",
  check({ from, revision, source }) {
    const { apart } = source;
    const short = revision.slice(0, 10);
    if (apart.length === 0) return Promise.resolve({ state: "passed", reason: `${from} is in sync at ${short}` });
    const named = apart.slice(0, NAMED).map(({ target, why }) => `${target} ${why}`);
    const more = apart.length > NAMED ? [`${apart.length - NAMED} more`] : [];
    return Promise.resolve({
      state: "pending",
      reason: `${from} is not in sync at ${short}: ${[...named, ...more].join(", ")}`,
      todo: `see what keeps ${from}: \`trueup diff ${from}\``,
    });
  },
};
