import { z } from "zod";
import { TrueupError } from "../core/errors.js";
import { hopsOf } from "../promotion/hops.js";
import { pastOf, type PastRevision } from "../promotion/revisions.js";
import { refresh } from "../reconcile/environment.js";
import { asTrueupError } from "../reconcile/pass.js";
import { reportError, type ReportedError } from "../reconcile/report.js";
import type { FailedRevision } from "../render/rendered.js";
import type { Operation } from "./operation.js";
import { select } from "./selection.js";

export interface RevisionsReport {
  readonly schemaVersion: 1;
  readonly environments: readonly EnvironmentRevisions[];
}

export interface EnvironmentRevisions {
  readonly name: string;
  /** The one that it follows; null where its branch is not there. */
  readonly revision: string | null;
  readonly failedRevision?: FailedRevision;
  readonly error?: ReportedError;
  /** Newest first. */
  readonly revisions: readonly PastRevision[];
}

const argsSchema = z.object({
  environments: z.array(z.string()),
  /** ISO 8601. */
  since: z.string().optional(),
  limit: z.int().min(1).max(1_000).default(50),
});

/** Which revision ran when in an environment, how it came there, who let it through, and what became of it. */
export const revisions: Operation<z.input<typeof argsSchema>, RevisionsReport> = {
  name: "revisions",
  args: argsSchema,
  async run(session, { environments: words, since, limit = 50 }, { signal }) {
    const names = [...select(session, words)].map(([name, targets]) => {
      if (targets === undefined) return name;
      throw new TrueupError("USAGE", `revisions are of whole environments, not of ${name}/${targets.join(", ")}`, {
        hint: `name the environment: \`trueup history ${name} --revisions\``,
      });
    });
    const branches = await refresh(session, signal);
    const { hops } = await hopsOf(session, branches, signal);
    const environments = names.map(async (name): Promise<EnvironmentRevisions> => {
      try {
        const from = hops.find(({ to }) => to === name)?.from;
        const past = await pastOf(session, { environment: name, from, branches, limit }, signal);
        const { revision, failed } = past;
        const found = past.revisions.filter(({ at }) => since === undefined || Date.parse(at) >= Date.parse(since));
        return { name, revision, ...(failed && { failedRevision: failed }), revisions: found };
      } catch (error) {
        signal.throwIfAborted();
        return { name, revision: null, error: reportError(asTrueupError(error), undefined), revisions: [] };
      }
    });
    return { schemaVersion: 1, environments: await Promise.all(environments) };
  },
};
