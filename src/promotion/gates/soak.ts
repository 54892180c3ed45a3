import { z } from "zod";
import { SEVERITIES } from "../../core/policy.js";
import { durationSchema, formatDuration } from "../../lib/duration.js";
import type { GateKind } from "./gate.js";

const schema = z.strictObject({
  for: durationSchema,
  /** Drift below it disturbs nothing. */
  severity: z.enum(SEVERITIES).default("medium"),
});

/** The source environment ran that revision for so long, without drift at or above a severity. Drift begins the time anew as it ends. */
export const soak: GateKind<z.output<typeof schema>> = {
  kind: "soak",
  schema,
  example: "soak: { for: 24h, severity: medium }",
  open: ({ for: duration, severity }) => ({
    name: "soak",
    async check(facts) {
      const { from, revision, source, now } = facts;
      const short = revision.slice(0, 10);
      const todo = `see what keeps ${from}: \`trueup diff ${from}\``;
      if (source.since === undefined) {
        return { state: "pending", reason: `${from} was never in sync at ${short}`, todo };
      }
      const drift = await facts.lastDrift(severity, source.since);
      if (drift === "open") return { state: "pending", reason: `${from} has open drift of ${severity} or worse`, todo };
      const calm = now - (drift ?? source.since);
      const since = drift === undefined ? `${from} is in sync at ${short}` : `the last drift in ${from} ended`;
      if (calm >= duration) return { state: "passed", reason: `${formatDuration(calm)} since ${since}` };
      return { state: "pending", reason: `${formatDuration(duration - calm)} of ${formatDuration(duration)} left` };
    },
  }),
};
