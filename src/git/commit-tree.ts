import { git, type Place } from "./command.js";

/** A commit of a tree that is in the mirror already. */
export interface TreeCommit {
  /** A tree's id, or a revision that has one. */
  readonly tree: string;
  /** The branch's own history first. */
  readonly parents: readonly string[];
  readonly message: string;
  /** A person, where one is known; default: Trueup, as always for the committer. */
  readonly author?: { readonly name: string; readonly email: string };
  /** As git takes it; default: now. */
  readonly date?: string;
}

/** The author where no person is known, and always the committer. */
export const TRUEUP = { name: "Trueup", email: "trueup@localhost" };

/** Writes the commit object and returns its id. */
export async function commitTree(
  place: Place,
  { tree, parents, message, author = TRUEUP, date }: TreeCommit,
  signal: AbortSignal,
): Promise<string> {
  const env = {
    GIT_AUTHOR_NAME: named(author.name, TRUEUP.name),
    GIT_AUTHOR_EMAIL: named(author.email, TRUEUP.email),
    GIT_COMMITTER_NAME: TRUEUP.name,
    GIT_COMMITTER_EMAIL: TRUEUP.email,
    ...(date === undefined ? {} : { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date }),
  };
  const args = ["commit-tree", tree, ...parents.flatMap((parent) => ["-p", parent])];
  return (await git(place, args, signal, { input: Buffer.from(`${message.trimEnd()}\n`), env })).trim();
}

/** Git drops these from a name, and fails where nothing is left of it. */
function named(text: string, otherwise: string): string {
  const clean = text.replaceAll(/[<>\p{Cc}]/gu, "").trim();
  return /[\p{L}\p{N}]/u.test(clean) ? clean : otherwise;
}
