import { TrueupError } from "../core/errors.js";
import { git, GitExit, type Place } from "./command.js";
import { explain, serverWords } from "./failure.js";

/** A branch of the remote that shall move. */
export interface Move {
  readonly branch: string;
  /** Where it must still be; undefined: it must not be there. */
  readonly from: string | undefined;
  /** Undefined: it shall go. */
  readonly to: string | undefined;
}

/**
 * Moves a branch of the remote, compare-and-set.
 * @throws TrueupError GIT_MOVED where it is not at `from` any more; PERMISSION_DENIED where the server does not take it
 */
export async function push(place: Place, { branch, from = "", to = "" }: Move, signal: AbortSignal): Promise<void> {
  const ref = `refs/heads/${branch}`;
  // What the operator's own configuration may add to a push is no part of this one.
  const flags = ["--progress", "--no-signed", "--no-follow-tags", "--no-recurse-submodules", "--no-verify"];
  const args = ["push", ...flags, `--force-with-lease=${ref}:${from}`, "--", place.remote.url, `${to}:${ref}`];
  try {
    await place.renew(signal);
    await git(place, args, signal);
  } catch (error) {
    throw error instanceof GitExit ? refusal(error, place, branch) : explain(error, place.remote);
  }
}

/** Here the push's own lease speaks, and there the server's: somebody was between the two. */
const MOVED =
  /stale info|fetch first|non-fast-forward|incorrect old value|cannot lock ref|failed to update ref|reference already exists/;

function refusal(error: GitExit, { remote }: Place, branch: string): unknown {
  const answer = /^ *! \[(?:remote )?rejected\].*?\((.*)\)$/m.exec(error.stderr)?.[1];
  if (answer !== undefined && MOVED.test(answer)) {
    return new TrueupError("GIT_MOVED", `${remote.url}: the branch ${branch} moved meanwhile`, {
      hint: "Nothing was committed. Run it again: it starts from what the branch says now.",
    });
  }
  if (answer !== undefined) {
    const words = [answer, serverWords(error, remote)].filter(Boolean).join(": ");
    const checkedOut = answer.includes("currently checked out");
    return new TrueupError("PERMISSION_DENIED", `${remote.url}: the branch ${branch} was not taken: ${words}`, {
      hint: checkedOut
        ? "It is checked out there: check out another branch, or run `git config receive.denyCurrentBranch updateInstead` in that folder."
        : "Let the credential push to this branch, or commit to another one and merge it there.",
    });
  }
  const known = explain(error, remote);
  if (!(known instanceof TrueupError) || known.code !== "CONNECTION_DENIED") return known;
  return new TrueupError(known.code, known.message, {
    hint: "Check repository.token (or the ssh key): it must not have expired, and be allowed to push to this repository.",
  });
}
