import { posix } from "node:path";
import { TrueupError } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import { batched } from "../lib/batched.js";
import { oncePer } from "../lib/once-per.js";
import { unlessAborted } from "../lib/shared.js";
import { catFiles, git, type Place } from "./command.js";
import { walk, type FoundFile, type Tree, type TreeEntry } from "./links.js";
import { Broken } from "./mirror.js";

/** A file of a commit: its blob's id and content, or why it cannot be had. */
export type SourceFile =
  { readonly id: string; readonly content: Buffer } | { readonly id: string; readonly refused: TrueupError };

/** Bytes of all files of one reading together. */
const TOTAL = 256 * 1024 * 1024;
/** Linux knows no longer path; a link's blob beyond it is not worth reading. */
const LINK = 4096;

/** What `ls-tree` says of these paths and everything below them; of the whole commit where none is given. */
export async function listTree(
  place: Place,
  request: { commit: string; paths: readonly string[] },
  signal: AbortSignal,
): Promise<readonly TreeEntry[]> {
  const paths = request.paths.includes("") ? [] : request.paths;
  const args = ["ls-tree", "-r", "-t", "-l", "-z", "--full-tree", request.commit, "--", ...paths];
  const output = await git(place, args, signal);
  return output.split("\0").flatMap((line) => {
    const tab = line.indexOf("\t");
    const [mode = "", , id = "", size = ""] = line.slice(0, tab).split(/ +/);
    return tab === -1
      ? []
      : [{ path: line.slice(tab + 1), kind: kindOf(mode), id, size: size === "-" ? 0 : Number(size) }];
  });
}

function kindOf(mode: string): TreeEntry["kind"] {
  if (mode === "040000") return "folder";
  if (mode === "120000") return "link";
  return mode === "160000" ? "submodule" : "file";
}

/** Whether a folder that is not listed may be there all the same: `ls-tree` follows no link on the way to it. */
export function mayBeBehindLink(folder: string): boolean {
  return folder.includes("/");
}

/** Everything in the commit, with the targets of its links: only needed where links are. */
export async function wholeTree(place: Place, commit: string, signal: AbortSignal): Promise<Tree> {
  const entries = await listTree(place, { commit, paths: [] }, signal);
  const links = entries.filter(({ kind }) => kind === "link");
  const short = links.filter(({ size }) => size <= LINK).map(({ id }) => id);
  const blobs = await readBlobs(place, short, signal);
  return {
    entries: new Map(entries.map((entry) => [entry.path, entry])),
    targets: new Map(links.map(({ path, id }) => [path, blobs.get(id)?.toString() ?? "/"])),
  };
}

/** The files below the folders, which `entries` lists, in one batch. Paths are relative to the repository's top. */
export async function readTree(
  place: Place,
  request: { commit: string; root: string; folders: readonly string[]; entries: readonly TreeEntry[] },
  signal: AbortSignal,
): Promise<ReadonlyMap<string, SourceFile>> {
  const found = await findFiles(place, request, signal);
  const files = found.map((file) => {
    const path = request.root === "" ? file.path : posix.relative(request.root, file.path);
    return { path, entry: file.entry, refused: refuseEntry(path, file) };
  });
  const sizes = new Map(files.flatMap(({ entry, refused }) => (refused === undefined ? [[entry.id, entry.size]] : [])));
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  if (total > TOTAL) {
    throw new TrueupError(
      "DOCUMENT_TOO_LARGE",
      `the files of ${request.folders.join(", ")} have ${total} bytes together`,
      {
        hint: `Keep them below ${TOTAL} bytes.`,
      },
    );
  }
  const blobs = await readBlobs(place, [...sizes.keys()], signal);
  return new Map(
    files.map(({ path, entry: { id }, refused }) => {
      const content = blobs.get(id) ?? Buffer.alloc(0);
      const reason = refused ?? refuseContent(path, content);
      return [path, reason === undefined ? { id, content } : { id, refused: reason }];
    }),
  );
}

/** The text of the first of the files that the commit has. Links are not followed, and what is too large is not there. */
export async function readFirst(
  place: Place,
  { commit, files }: { commit: string; files: readonly string[] },
  signal: AbortSignal,
): Promise<string | undefined> {
  const entries = await listTree(place, { commit, paths: files }, signal);
  const found = files
    .map((file) => entries.find(({ path }) => path === file))
    .find((entry) => entry?.kind === "file" && entry.size <= LIMITS.bytes);
  return found === undefined ? undefined : (await readBlobs(place, [found.id], signal)).get(found.id)?.toString();
}

async function findFiles(
  place: Place,
  { commit, folders, entries }: { commit: string; folders: readonly string[]; entries: readonly TreeEntry[] },
  signal: AbortSignal,
): Promise<readonly FoundFile[]> {
  const direct = folders.every((folder) => entries.some(({ path }) => path === folder) || !mayBeBehindLink(folder));
  if (!direct || entries.some(({ kind }) => kind === "link")) {
    const tree = await wholeTree(place, commit, signal);
    return folders.flatMap((folder) => [...walk(tree, folder)]);
  }
  return entries.filter(({ kind }) => kind !== "folder").map((entry) => ({ path: entry.path, entry }));
}

/** The content of each blob. @throws Broken where one is missing. */
export async function readBlobs(
  place: Place,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Buffer>> {
  const blob = blobsOf(place);
  const read = Promise.all(
    [...new Set(ids)].map(async (id) => {
      const content = await blob(id);
      if (content === undefined) throw new Broken(`${id} is no blob that can be read`);
      return [id, content] as const;
    }),
  );
  return new Map(await unlessAborted(read, signal));
}

/** One `cat-file --batch` at a time: who asks meanwhile, for files of whatever commit, shares the next. */
const blobsOf = oncePer((place: Place) => batched((ids: readonly string[]) => catBlobs(place, ids)));

async function catBlobs(place: Place, ids: readonly string[]): Promise<ReadonlyMap<string, Buffer>> {
  const blobs = new Map<string, Buffer>();
  const output = await catFiles(place, ids, place.closed);
  for (let offset = 0; offset < output.length;) {
    const end = output.indexOf(0x0a, offset);
    if (end === -1) break;
    const [id = "", type, size] = output.toString("latin1", offset, end).split(" ");
    const start = end + 1;
    // What is missing has no size, and no content.
    offset = size === undefined ? start : start + Number(size) + 1;
    if (type === "blob" && offset <= output.length) blobs.set(id, output.subarray(start, offset - 1));
  }
  return blobs;
}

function refuseEntry(path: string, { entry, refused }: FoundFile): TrueupError | undefined {
  if (refused !== undefined) {
    return unsupported(
      path,
      `is a symbolic link that ${refused}`,
      "Links may only lead to what this repository holds.",
    );
  }
  if (entry.kind === "submodule") {
    return unsupported(path, "is a submodule", "Commit the files themselves: Trueup reads one repository only.");
  }
  if (path.includes("\ufffd")) {
    return unsupported(path, "has a name that is not UTF-8", "Rename the file.");
  }
  if (entry.size <= LIMITS.bytes) return undefined;
  return new TrueupError("DOCUMENT_TOO_LARGE", `${path} has ${entry.size} bytes; the limit is ${LIMITS.bytes}`, {
    where: { file: path },
    hint: "Configuration is smaller than that; keep data out of the environments repository.",
  });
}

const LFS = /^version https:\/\/(git-lfs\.github\.com|hawser\.github\.com)\/spec\//;

function refuseContent(path: string, content: Buffer): TrueupError | undefined {
  if (content.length <= 1024 && LFS.test(content.toString("latin1", 0, 64))) {
    const hint = "Take it out of LFS (git lfs untrack, then git add --renormalize) and commit the file itself.";
    return unsupported(path, "is a Git LFS pointer: the file itself is not in the repository", hint);
  }
  if (content.toString("latin1", 0, 10) === "\0GITCRYPT\0") {
    const hint = "Commit it in the clear without its secrets, and write those as ${secret:name}.";
    return unsupported(path, "is encrypted with git-crypt", hint);
  }
  return undefined;
}

function unsupported(path: string, what: string, hint: string): TrueupError {
  return new TrueupError("GIT_UNSUPPORTED", `${path} ${what}`, { where: { file: path }, hint });
}
