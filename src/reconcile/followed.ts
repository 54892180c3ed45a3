import type { RenderedEnvironment } from "../render/rendered.js";
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
  const failure = await (await session.store()).rollouts.failure(environment, tip);
  if (failure === undefined) return desiredState(session, { environment, revision: tip, signal });
  const good = await lastGood(session, { environment, tip }, signal);
  const rendered = await desiredState(session, { environment, revision: good ?? tip, signal });
  const failed = { revision: tip, ...failure };
  // Who asked for the revision that failed asked for what stood before it, too.
  return { ...rendered, failed, sync: good === undefined ? rendered.sync : "auto" };
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
