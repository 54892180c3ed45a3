import { z } from "zod";
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
  run: (session, { environments, dryRun = false, confirm = false, adopt }, context) =>
    overEnvironments(session, { words: environments, context }, (pass) =>
      dryRun
        ? diffEnvironment(session, pass)
        : reconcileEnvironment(session, pass, { sync: true, confirm, ...(adopt === undefined ? {} : { adopt }) }),
    ),
};
