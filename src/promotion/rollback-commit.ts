import type { Session } from "../reconcile/session.js";
import { oneLine } from "../lib/one-line.js";
import { ROLLED_BACK } from "./held.js";

export interface RollbackRequest {
  readonly environment: string;
  /** The commit that the branch is at. */
  readonly tip: string;
  /** The earlier one whose content it gets. */
  readonly to: string;
  readonly by: string;
  readonly because: string | undefined;
}

/** Writes the commit that gives a branch the content of an earlier one, and returns its id. Nobody but the mirror knows of it yet. */
export async function rollbackCommit(
  session: Session,
  { environment, tip, to, by, because }: RollbackRequest,
  signal: AbortSignal,
): Promise<string> {
  const { lineage } = await session.source();
  const why = because === undefined ? "" : `\nBecause: ${oneLine(because)}`;
  const trailers = `${ROLLED_BACK}: ${to}\nRolled-Back-By: ${oneLine(by)}${why}`;
  const message = `Roll ${environment} back to ${to.slice(0, 10)}\n\n${trailers}\n`;
  return lineage.write({ tree: `${to}^{tree}`, parents: [tip], message }, signal);
}
