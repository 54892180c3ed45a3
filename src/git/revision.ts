import { TrueupError } from "../core/errors.js";
import { suggest } from "../lib/suggest.js";
import { git, GitExit } from "./command.js";
import type { Refs } from "./fetch.js";
import type { Mirror } from "./mirror.js";

const HEADS = "refs/heads/";

export function branchesOf(refs: Refs): ReadonlyMap<string, string> {
  const heads = [...refs].filter(([name]) => name.startsWith(HEADS));
  return new Map(heads.map(([name, id]) => [name.slice(HEADS.length), id]));
}

/** The commit of a branch, a tag, or a commit id of at least four digits, in this order. @throws TrueupError GIT_REVISION_MISSING */
export async function resolveRevision(mirror: Mirror, revision: string, signal: AbortSignal): Promise<string> {
  const branch = mirror.refs.get(HEADS + revision);
  if (branch !== undefined) return branch;
  const tag = mirror.refs.get(`refs/tags/${revision}`);
  const name = tag ?? (/^[0-9a-f]{4,64}$/i.test(revision) ? revision : undefined);
  const commit = name === undefined ? undefined : await commitOf(mirror, name, signal);
  if (commit !== undefined) return commit;
  throw missing(mirror, revision);
}

export async function hasCommit(mirror: Mirror, commit: string, signal: AbortSignal): Promise<boolean> {
  return (await commitOf(mirror, commit, signal)) !== undefined;
}

async function commitOf(mirror: Mirror, name: string, signal: AbortSignal): Promise<string | undefined> {
  return mirror.local(async (place) => {
    try {
      return (await git(place, ["rev-parse", "--verify", "--quiet", `${name}^{commit}`], signal)).trim();
    } catch (error) {
      // Quiet, it only ends with 1 (128 where the mirror itself is gone) on what is unknown, ambiguous or no commit.
      if (error instanceof GitExit && error.code === 1) return undefined;
      throw error;
    }
  }, signal);
}

function missing(mirror: Mirror, revision: string): TrueupError {
  const known = [...branchesOf(mirror.refs).keys()].sort();
  const near = suggest(revision, known);
  const list = `${known.slice(0, 20).join(", ")}${known.length > 20 ? ", …" : ""}`;
  const branches = known.length === 0 ? "Nothing was fetched yet." : `Known branches: ${list}.`;
  return new TrueupError("GIT_REVISION_MISSING", `there is no branch, tag or commit "${revision}"`, {
    hint: `${near === undefined ? "" : `Did you mean ${near}? `}${branches}`,
  });
}
