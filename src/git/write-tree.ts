import { TrueupError } from "../core/errors.js";
import { git, type Place } from "./command.js";

/** Writes a file's content and returns its id. */
export async function writeBlob(place: Place, input: Buffer, signal: AbortSignal): Promise<string> {
  // From standard input without a path: no filter of the operator's (autocrlf, LFS) touches the bytes.
  return (await git(place, ["hash-object", "-w", "--stdin"], signal, { input })).trim();
}

/** What a tree shall hold at a path; undefined: nothing. */
type Entries = ReadonlyMap<string, string | undefined>;

interface TreeRequest {
  readonly tree: string | undefined;
  readonly entries: Entries;
  readonly at: string;
}

/**
 * The tree with those entries, which are relative to it; undefined where nothing is left in it. The mode of a file that is
 * there stays. Trees are made by mktree from what ls-tree says, not in an index: that would be a file, with a lock, that a
 * killed process leaves behind.
 */
export async function treeWith(
  place: Place,
  { tree, entries, at }: TreeRequest,
  signal: AbortSignal,
): Promise<string | undefined> {
  const listed = tree === undefined ? "" : await git(place, ["ls-tree", "-z", "--full-tree", tree], signal);
  // Each name of the folder is written again: one that is not UTF-8 would become another.
  if (listed.includes("\uFFFD")) throw refused(at === "" ? "the top" : at, "has a file whose name is not UTF-8");
  const lines = new Map(
    listed
      .split("\0")
      .filter((line) => line !== "")
      .map((line) => [line.slice(line.indexOf("\t") + 1), line.slice(0, line.indexOf("\t"))]),
  );
  for (const [name, below] of byFirstSegment(entries)) {
    const [mode = "100644", type, id] = lines.get(name)?.split(" ") ?? [];
    if (below.has("")) {
      const blob = below.get("");
      if (blob === undefined) lines.delete(name);
      else lines.set(name, `${mode} blob ${blob}`);
      continue;
    }
    const path = at === "" ? name : `${at}/${name}`;
    if (type !== undefined && type !== "tree") throw refused(path, "is no folder");
    const folder = await treeWith(place, { tree: id, entries: below, at: path }, signal);
    if (folder === undefined) lines.delete(name);
    else lines.set(name, `040000 tree ${folder}`);
  }
  if (lines.size === 0) return undefined;
  const input = Buffer.from([...lines].map(([name, entry]) => `${entry}\t${name}\0`).join(""));
  return (await git(place, ["mktree", "-z"], signal, { input })).trim();
}

/** By first segment, the entries below it; "" is the segment itself. */
function byFirstSegment(entries: Entries): ReadonlyMap<string, Entries> {
  const groups = new Map<string, Map<string, string | undefined>>();
  for (const [path, id] of entries) {
    const slash = path.indexOf("/");
    const name = slash === -1 ? path : path.slice(0, slash);
    const group = groups.get(name) ?? new Map<string, string | undefined>();
    groups.set(name, group.set(slash === -1 ? "" : path.slice(slash + 1), id));
  }
  return groups;
}

export function refused(path: string, what: string): TrueupError {
  return new TrueupError("GIT_UNSUPPORTED", `${path} ${what}`, {
    where: { file: path },
    hint: "Nothing was committed. Let the path name a file inside this repository.",
  });
}
