import { z } from "zod";
import { deliverNow } from "../delivery/delivery.js";
import { diffEnvironment, reconcileEnvironment } from "../reconcile/environment.js";
import type { EnvironmentReports } from "./diff.js";
import { overEnvironments } from "./diff.js";
import type { Operation } from "./operation.js";

const argsSchema = z.object({
  environments: z.array(z.string()),
  dryRun: z.boolean().default(false),
  confirm: z.boolean().default(false),
  adopt: z.enum(["desired", "live"]).optional(),
});

/** One reconcile pass, because a person asks for it: pending revisions are applied even where `sync: manual` waits. */
export const sync: Operation<z.input<typeof argsSchema>, EnvironmentReports> = {
  name: "sync",
  args: argsSchema,
  async run(session, { environments, dryRun = false, confirm = false, adopt }, context) {
    const asked = { words: environments, context };
    if (dryRun) return overEnvironments(session, asked, (pass) => diffEnvironment(session, pass));
    // A condition that cannot be read is told before anything is written.
    await session.routes();
    const wishes = { sync: true, confirm, ...(adopt === undefined ? {} : { adopt }) };
    const reports = await overEnvironments(session, asked, (pass) => reconcileEnvironment(session, pass, wishes));
    await deliverNow(session, { signal: context.signal, patience: PATIENCE });
    return reports;
  },
};

/** How long a person waits for the notifiers, in milliseconds. */
const PATIENCE = 5_000;
