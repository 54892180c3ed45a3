import type { SettingConflict, Unread } from "../core/three-way.js";

export interface MergeConflict {
  /** Relative to the repository's top. */
  readonly path: string;
  /** As git calls it: `contents`, `modify/delete`, `rename/rename`, … */
  readonly kind: string;
  /** The settings of the file that both sides changed, each to another value, where they can be told. */
  readonly settings?: readonly SettingConflict[];
  /** Why they cannot. */
  readonly unread?: Unread;
}

/** Without conflicts, the tree is the result. */
export interface Merged {
  readonly tree: string;
  readonly conflicts: readonly MergeConflict[];
  /** The files in which lines were in conflict, and settings were not. */
  readonly bySetting: readonly string[];
}

/** A file in conflict. */
export interface ConflictedFile {
  readonly path: string;
  /** As git calls them; one file may be in several. */
  readonly kinds: ReadonlySet<string>;
  /** By stage: 1 is the base, 2 ours, 3 theirs. */
  readonly stages: ReadonlyMap<number, { readonly mode: string; readonly id: string }>;
}

export function conflictOf({ path, kinds }: ConflictedFile): MergeConflict {
  const [kind = "contents"] = kinds;
  return { path, kind };
}

/**
 * `git merge-tree -z`: the tree; the conflicted files, a line for each stage; an empty entry; then messages, each as a count
 * of paths, the paths, a kind such as `CONFLICT (contents)`, and a sentence. See git-merge-tree(1), OUTPUT.
 */
export function readMergeTree(output: string): { readonly tree: string; readonly files: readonly ConflictedFile[] } {
  const [tree = "", ...rest] = output.split("\0");
  const end = rest.indexOf("");
  const files = new Map<string, { kinds: Set<string>; stages: Map<number, { mode: string; id: string }> }>();
  for (const line of rest.slice(0, end)) {
    const tab = line.indexOf("\t");
    const [mode = "", id = "", stage] = line.slice(0, tab).split(" ");
    const path = line.slice(tab + 1);
    const file = files.get(path) ?? { kinds: new Set(), stages: new Map() };
    file.stages.set(Number(stage), { mode, id });
    files.set(path, file);
  }
  for (let index = end + 1; index < rest.length;) {
    const count = Number(rest[index]);
    if (!(count > 0)) break;
    const kind = /^CONFLICT \((.*)\)$/.exec(rest[index + count + 1] ?? "")?.[1];
    if (kind !== undefined)
      for (const path of rest.slice(index + 1, index + 1 + count)) files.get(path)?.kinds.add(kind);
    index += count + 3;
  }
  return { tree, files: [...files].map(([path, file]) => ({ path, ...file })) };
}
