import { TrueupError } from "../core/errors.js";
import { git, type Place } from "./command.js";
import { commitTree } from "./commit-tree.js";
import { find, type Tree, type TreeEntry } from "./links.js";
import { wholeTree } from "./tree.js";

/** A commit to be made. Paths are relative to `repository.path`. */
export interface CommitRequest {
  /** The branch that shall point to the commit. Absent: none shall, the commit is only to be looked at. */
  readonly branch?: string;
  /** The commit that it stands on. */
  readonly parent: string;
  /** The commit at which the branch must still be; absent: there must be no such branch yet. */
  readonly onto?: string;
  /** New content, byte for byte; undefined removes the file. The mode of a file that is there stays. */
  readonly files: ReadonlyMap<string, string | Uint8Array | undefined>;
  readonly message: string;
  /** A person, where one is known; default: Trueup, as always for the committer. */
  readonly author?: { readonly name: string; readonly email: string };
}

/** What a tree shall hold at a path; undefined: nothing. */
type Entries = ReadonlyMap<string, string | undefined>;

/**
 * Writes the commit's objects and returns its id. Trees are made by mktree from what ls-tree says, not in an index: that would
 * be a file, with a lock, that a killed process leaves behind. An object without a reference is nothing to anyone.
 */
export async function writeCommit(
  place: Place,
  { parent, files, message, author }: CommitRequest,
  signal: AbortSignal,
): Promise<string> {
  const tree = await wholeTree(place, parent, signal);
  const blobs = new Map<string, string | undefined>();
  for (const [path, content] of files) {
    const input = content === undefined ? undefined : Buffer.from(content);
    // From standard input without a path: no filter of the operator's (autocrlf, LFS) touches the bytes.
    const id = input && (await git(place, ["hash-object", "-w", "--stdin"], signal, { input })).trim();
    blobs.set(writable(tree, path), id);
  }
  const root = await treeWith(place, { tree: `${parent}^{tree}`, entries: blobs, at: "" }, signal);
  if (root === undefined) throw new TrueupError("GIT_UNSUPPORTED", "the commit would have no file at all");
  return commitTree(place, { tree: root, parents: [parent], message, ...(author && { author }) }, signal);
}

/** The path where the content really is, all links followed. @throws TrueupError GIT_UNSUPPORTED where there is none */
function writable(tree: Tree, path: string): string {
  if (path.split("/").some((name) => ["", ".", "..", ".git"].includes(name.toLowerCase()))) {
    throw refused(path, "is no file's path");
  }
  const { at, kind } = real(tree, path);
  if (kind !== undefined && kind !== "file") throw refused(path, `is a ${kind}, not a file`);
  return at;
}

function real(tree: Tree, path: string): { readonly at: string; readonly kind: TreeEntry["kind"] | undefined } {
  const found = find(tree, path);
  if (found !== undefined && "refused" in found) throw refused(path, `is behind a symbolic link that ${found.refused}`);
  if (found !== undefined) return { at: found.entry.path, kind: found.entry.kind };
  const slash = path.lastIndexOf("/");
  const above = real(tree, path.slice(0, Math.max(0, slash)));
  if (above.kind !== undefined && above.kind !== "folder") throw refused(path, `is below a ${above.kind}`);
  const name = path.slice(slash + 1);
  const at = above.at === "" ? name : `${above.at}/${name}`;
  if (tree.entries.has(at)) throw refused(path, "is a symbolic link that points to nothing");
  return { at, kind: undefined };
}

function refused(path: string, what: string): TrueupError {
  return new TrueupError("GIT_UNSUPPORTED", `${path} ${what}`, {
    where: { file: path },
    hint: "Nothing was committed. Let the path name a file inside this repository.",
  });
}

interface TreeRequest {
  readonly tree: string | undefined;
  readonly entries: Entries;
  readonly at: string;
}

/** The tree with those entries, which are relative to it; undefined where nothing is left in it. */
async function treeWith(
  place: Place,
  { tree, entries, at }: TreeRequest,
  signal: AbortSignal,
): Promise<string | undefined> {
  const listed = tree === undefined ? "" : await git(place, ["ls-tree", "-z", "--full-tree", tree], signal);
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
