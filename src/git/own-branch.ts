import { TRUEUP } from "./commit-tree.js";
import type { Source } from "./source.js";

/**
 * Whether a branch of Trueup's can be moved without losing what a person put there: a commit, or one that was amended. What one
 * of the other commits has is not lost.
 */
export async function isOurs(
  source: Source,
  at: string,
  others: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  if ((await source.describe(at)).committer === TRUEUP.email) return true;
  for (const other of others) if ((await source.lineage.base(at, other, signal)) === at) return true;
  return false;
}
