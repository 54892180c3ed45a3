import type { CommitRequest } from "../git/commit.js";
import type { Source } from "../git/source.js";
import type { Adoption } from "../reconcile/adopt.js";
import { hiddenText } from "../reconcile/hidden.js";
import { contentOf } from "../render/environment.js";
import type { ReadyTarget } from "../render/rendered.js";
import type { Snapshot } from "../render/snapshot.js";

export interface Adopted {
  readonly target: ReadyTarget;
  readonly files: Adoption["files"];
}

export interface PatchRequest extends Omit<CommitRequest, "files"> {
  readonly snapshot: Snapshot;
  readonly adopted: readonly Adopted[];
}

/**
 * What adopting would change, as a unified diff without context, between the texts without their sensitive values: one of
 * them may stand on the line of another setting.
 */
export async function patchOf(
  source: Source,
  { snapshot, adopted, ...request }: PatchRequest,
  signal: AbortSignal,
): Promise<string> {
  const old = new Map<string, string | undefined>();
  const next = new Map<string, string | undefined>();
  for (const { target, files } of adopted) {
    for (const [file, text] of files) {
      const before = contentOf(snapshot, file)?.toString("utf8");
      const sides = [before, text].map((side) =>
        side === undefined ? side : (hiddenText(file, side, target) ?? null),
      );
      const shown = !sides.includes(null);
      old.set(file, shown ? (sides[0] ?? undefined) : before && NOT_SHOWN.before);
      next.set(file, shown ? (sides[1] ?? undefined) : NOT_SHOWN.after);
    }
  }
  // Commits that no reference leads to.
  const from = await source.commit({ ...request, files: old }, signal);
  const to = await source.commit({ ...request, parent: from, files: next }, signal);
  const patch = await source.patch(from, to, signal);
  // Behind a hunk's place git quotes a line from above it.
  return patch.replaceAll(/^(@@ [^@]+ @@).*$/gm, "$1");
}

/** Where sensitive values cannot be told from the others. */
const NOT_SHOWN = {
  before: "(not shown: it holds sensitive values)\n",
  after: "(changed, and not shown: it holds sensitive values)\n",
} as const;
