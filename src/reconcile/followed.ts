import type { FailedRevision, RenderedEnvironment } from "../render/rendered.js";
import { desiredState, tipOf } from "./desired.js";
import type { Session } from "./session.js";

export interface FollowedOptions {
  readonly environment: string;
  readonly branches: ReadonlyMap<string, string>;
  readonly signal: AbortSignal;
}

/**
 * What git says an environment should be: at the tip of its branch; or, where that revision failed here, at the newest earlier
 * one at which it was in sync, until the branch moves on. So what the failed one changed is restored as any revision is applied.
 * @throws TrueupError as `tipOf` and `desiredState` do
 */
export async function followedState(
  session: Session,
  { environment, branches, signal }: FollowedOptions,
): Promise<RenderedEnvironment> {
  const tip = tipOf(session, environment, branches);
  const { revision, failed } = await followedRevision(session, { environment, tip }, signal);
  const rendered = await desiredState(session, { environment, revision, signal });
  if (failed === undefined) return rendered;
  if (revision === tip) return { ...rendered, failed };
  // Who asked for the revision that failed asked for what stood before it, too. And what last applied has and the good one does
  // not name was created since: it goes, whatever becomes of settings that git no longer names.
  return { ...rendered, failed, sync: "auto", prune: true };
}

export interface Followed {
  readonly revision: string;
  /** The tip, where that failed; `revision` is the same where no good one is known. */
  readonly failed?: FailedRevision;
}

/** The commit that an environment follows, by the tip of its branch. */
export async function followedRevision(
  session: Session,
  at: { environment: string; tip: string },
  signal: AbortSignal,
): Promise<Followed> {
  const { environment, tip } = at;
  const failure = await (await session.store()).rollouts.failure(environment, tip);
  if (failure === undefined) return { revision: tip };
  return { revision: (await lastGood(session, at, signal)) ?? tip, failed: { revision: tip, ...failure } };
}

/** So many revisions back an environment's runs are looked at. */
const MOST_RUNS = 200;

/** The newest revision before the tip at which the environment was in sync, of those that its branch still has. */
export async function lastGood(
  session: Session,
  { environment, tip }: { environment: string; tip: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  const { lineage } = await session.source();
  const { runs } = await session.store();
  for (const { revision } of await runs.list(environment, MOST_RUNS)) {
    if (revision !== tip && (await lineage.base(revision, tip, signal)) === revision) return revision;
  }
  return undefined;
}
