import { TrueupError } from "../core/errors.js";
import type { Place } from "./command.js";
import { commitTree } from "./commit-tree.js";
import { find, type Tree, type TreeEntry } from "./links.js";
import { wholeTree } from "./tree.js";
import { refused, treeWith, writeBlob } from "./write-tree.js";

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

/** Writes the commit's objects and returns its id. An object without a reference is nothing to anyone. */
export async function writeCommit(
  place: Place,
  { parent, files, message, author }: CommitRequest,
  signal: AbortSignal,
): Promise<string> {
  const tree = await wholeTree(place, parent, signal);
  const blobs = new Map<string, string | undefined>();
  for (const [path, content] of files) {
    const id = content === undefined ? undefined : await writeBlob(place, Buffer.from(content), signal);
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
