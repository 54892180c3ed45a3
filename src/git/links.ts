import { TrueupError } from "../core/errors.js";

/** One entry of a commit's tree. `path` is relative to the repository's top, without a slash at the end. */
export interface TreeEntry {
  readonly path: string;
  readonly kind: "file" | "folder" | "link" | "submodule";
  readonly id: string;
  /** Bytes; 0 for what is no blob. */
  readonly size: number;
}

/** Every entry of a commit, and what its links say. */
export interface Tree {
  readonly entries: ReadonlyMap<string, TreeEntry>;
  readonly targets: ReadonlyMap<string, string>;
}

/** What stands at a path after all links on the way are followed; `refused` says why it leads nowhere. */
export type Found = { readonly entry: TreeEntry } | { readonly refused: string } | undefined;

const TOP: TreeEntry = { path: "", kind: "folder", id: "", size: 0 };
/** As many as Linux follows. */
const HOPS = 40;
/** Links to folders can multiply without end. */
const FILES = 100_000;

/** Follows a path as a file system would, with the repository's top as the root that nothing leaves. */
export function find(tree: Tree, path: string): Found {
  const todo = path.split("/").reverse();
  let here = TOP;
  let hops = 0;
  for (let segment = todo.pop(); segment !== undefined; segment = todo.pop()) {
    if (segment === "" || segment === ".") continue;
    if (segment.toLowerCase() === ".git") return { refused: "goes through .git" };
    if (here.kind !== "folder") return undefined;
    if (segment === "..") {
      if (here.path === "") return { refused: "points out of the repository" };
      here = at(tree, parent(here.path)) ?? TOP;
      continue;
    }
    const next = at(tree, here.path === "" ? segment : `${here.path}/${segment}`);
    if (next === undefined) return undefined;
    if (next.kind !== "link") {
      here = next;
      continue;
    }
    hops += 1;
    if (hops > HOPS) return { refused: "goes round in circles" };
    const target = tree.targets.get(next.path) ?? "";
    if (target.startsWith("/") || /^[a-z]:/i.test(target)) return { refused: "points to an absolute path" };
    todo.push(...target.split("/").reverse());
  }
  return { entry: here };
}

export interface FoundFile {
  /** Under the name it was looked up by: links on the way do not show. */
  readonly path: string;
  readonly entry: TreeEntry;
  /** Why the link cannot be followed. */
  readonly refused?: string;
}

/** Every file below a folder, through links to files and to folders. */
export function* walk(tree: Tree, folder: string): Generator<FoundFile, void, undefined> {
  const start = find(tree, folder);
  if (start === undefined) return;
  const children = childrenOf(tree);
  let count = 0;

  function* visit(
    path: string,
    found: Found,
    link: TreeEntry,
    above: readonly string[],
  ): Generator<FoundFile, void, undefined> {
    count += 1;
    if (count > FILES) {
      throw new TrueupError("DOCUMENT_TOO_LARGE", `more than ${FILES} files below ${folder}`, {
        hint: "Look for symbolic links to folders that multiply each other.",
      });
    }
    if (found === undefined || "refused" in found) {
      yield { path, entry: link, refused: found?.refused ?? "points to nothing" };
      return;
    }
    const { entry } = found;
    if (entry.kind !== "folder") {
      yield { path, entry };
      return;
    }
    if (above.includes(entry.path)) {
      yield { path, entry: link, refused: "goes round in circles" };
      return;
    }
    for (const child of children.get(entry.path) ?? []) {
      const name = child.path.slice(child.path.lastIndexOf("/") + 1);
      const next = child.kind === "link" ? find(tree, child.path) : { entry: child };
      yield* visit(path === "" ? name : `${path}/${name}`, next, child, [...above, entry.path]);
    }
  }

  const link = tree.entries.get(folder) ?? TOP;
  yield* visit(folder, start, link, []);
}

function childrenOf(tree: Tree): ReadonlyMap<string, readonly TreeEntry[]> {
  const children = new Map<string, TreeEntry[]>();
  for (const entry of tree.entries.values()) {
    const siblings = children.get(parent(entry.path));
    if (siblings === undefined) children.set(parent(entry.path), [entry]);
    else siblings.push(entry);
  }
  return children;
}

function at(tree: Tree, path: string): TreeEntry | undefined {
  return path === "" ? TOP : tree.entries.get(path);
}

function parent(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}
