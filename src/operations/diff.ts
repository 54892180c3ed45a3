import PQueue from "p-queue";
import { z } from "zod";
import { prepare } from "../reconcile/ahead.js";
import { diffEnvironment, type EnvironmentPass, failedEnvironment, refresh } from "../reconcile/environment.js";
import type { EnvironmentReport } from "../reconcile/report.js";
import type { Session } from "../reconcile/session.js";
import type { Operation, OperationContext } from "./operation.js";
import { select } from "./selection.js";

export interface EnvironmentReports {
  readonly schemaVersion: 1;
  readonly environments: readonly EnvironmentReport[];
}

const argsSchema = z.object({ environments: z.array(z.string()) });

/** The read-only comparison of environments with git. */
export const diff: Operation<z.output<typeof argsSchema>, EnvironmentReports> = {
  name: "diff",
  args: argsSchema,
  run: (session, { environments }, context) =>
    overEnvironments(session, { words: environments, context }, (pass) => diffEnvironment(session, pass)),
};

export interface OverEnvironments {
  readonly words: readonly string[];
  readonly context: OperationContext;
}

/** Asks git once, then goes over the selected environments side by side. */
export async function overEnvironments(
  session: Session,
  { words, context }: OverEnvironments,
  work: (pass: EnvironmentPass) => Promise<EnvironmentReport>,
): Promise<EnvironmentReports> {
  const { signal, progress } = context;
  const selection = select(session, words);
  progress(`asking ${selection.size === 1 ? "git" : `git about ${selection.size} environments`}`);
  prepare(session, selection.keys()).catch(ignore);
  const branches = await refresh(session, signal);
  // Rendering is work for the processor, asking targets is waiting: each has its own bound.
  const queue = new PQueue({ concurrency: session.config.concurrency });
  const rendering = new PQueue({ concurrency: 2 * session.config.concurrency });
  const environments = await rendering.addAll(
    [...selection].map(([environment, targets]) => async () => {
      try {
        return await work({
          environment,
          branches,
          signal,
          queue,
          ...(targets === undefined ? {} : { targets }),
          progress: ({ name, state }) => {
            progress(`${environment}/${name}: ${state}`);
          },
        });
      } catch (error) {
        signal.throwIfAborted();
        return failedEnvironment(environment, undefined, error);
      }
    }),
  );
  return { schemaVersion: 1, environments };
}

function ignore(): void {
  // Told where it is needed.
}
