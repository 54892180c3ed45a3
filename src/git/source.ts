import { setMaxListeners } from "node:events";
import { posix, resolve as absolute } from "node:path";
import { TrueupError } from "../core/errors.js";
import type { MergeFile } from "../core/three-way.js";
import { type CommitRequest, writeCommit } from "./commit.js";
import { sharing, unlessAborted } from "../lib/shared.js";
import { git, GitExit, type Place } from "./command.js";
import type { Refs } from "./fetch.js";
import { type Lineage, lineageOf } from "./lineage.js";
import { find } from "./links.js";
import { openMirror, type Mirror } from "./mirror.js";
import { parseRemote } from "./remote.js";
import { branchesOf, hasCommit, resolveRevision } from "./revision.js";
import { verifySignature } from "./signature.js";
import type { TreeEntry } from "./links.js";
import { listTree, mayBeBehindLink, readFirst, readTree, wholeTree, type SourceFile } from "./tree.js";

export type { CommitRequest } from "./commit.js";
export type { SourceFile } from "./tree.js";

/** How long, in milliseconds, what was read of a commit is at hand for whoever asks for the same. */
const SHARED_MS = 2_000;

type Listing = (place: Place, commit: string, paths: readonly string[]) => Promise<readonly TreeEntry[]>;

export interface SourceOptions {
  /** Any URL that git knows, or a folder (relative to the working directory). */
  readonly url: string;
  /** Where the bare mirror lives. It is a cache: removing it costs a fetch. */
  readonly folder: string;
  /** Folder of the repository that holds `environments/` and `policies/`; default: its top. */
  readonly path?: string;
  /** For http and https; wins over one in the URL. One that does not last is asked for whenever the remote is. */
  readonly token?: string | ((signal: AbortSignal) => Promise<string | undefined>);
  readonly username?: string;
  /** An allowed-signers file. Commits are checked by `verify`, which the caller calls before it uses one. */
  readonly signers?: string;
  /** Milliseconds without a word from git after which a command is given up; default one minute. */
  readonly timeout?: number;
  /** Merges a file in which lines are in conflict; default: nobody does, it is a conflict. */
  readonly mergeFile?: MergeFile;
}

export interface Refreshed {
  /** Every branch's commit. A branch that the remote no longer has is not in it. */
  readonly branches: ReadonlyMap<string, string>;
  /** Branches whose old commit is no ancestor of the new one: someone force-pushed. Told once, to whoever refreshed. */
  readonly rewritten: readonly { readonly branch: string; readonly from: string; readonly to: string }[];
}

/**
 * The environments repository. Nothing is ever checked out.
 *
 * Errors are TrueupErrors without a credential: CONNECTION_FAILED (may pass by itself), CONNECTION_DENIED, GIT_FAILED,
 * GIT_REVISION_MISSING. All but `refresh` work without the remote, unless the mirror proves broken and is made anew.
 */
export interface Source {
  /** One `ls-remote`; a fetch only if a branch or tag moved. Calls run one after the other. */
  refresh(signal: AbortSignal): Promise<Refreshed>;
  /** The commit of a branch as of the last refresh, without asking git. */
  tip(branch: string): string | undefined;
  /** The commit of a branch, a tag or an abbreviated commit id that the mirror has, or GIT_REVISION_MISSING. */
  resolve(revision: string): Promise<string>;
  /**
   * Brings a commit that no branch has into the mirror, from another reference of the remote, such as `refs/pull/7/head`; where it
   * is there, nothing is asked. @throws GIT_REVISION_MISSING where the reference leads to another commit by now
   */
  bring(commit: string, ref: string, signal: AbortSignal): Promise<void>;
  /**
   * Equal ids mean equal content of those folders (relative to `path`), links that lead out of them included; so unchanged
   * ones need not be read. Undefined where the commit has none of them. To be compared, not to be given to git.
   */
  treeId(commit: string, ...folders: readonly string[]): Promise<string | undefined>;
  /**
   * All files below the folders, read in one batch; key: path relative to `path`. Links inside the repository are followed.
   * A file that cannot be had (a submodule, an LFS pointer, a link out of the repository, …) says so in its own entry.
   * A folder that is not there has no files.
   */
  read(commit: string, folders: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, SourceFile>>;
  /** The text of the first of these files that the commit has; relative to the repository's top, whatever `path` is. */
  readFirst(commit: string, files: readonly string[], signal: AbortSignal): Promise<string | undefined>;
  /** The author, when (ISO 8601), the first line of the message, and the address of who made the commit of it. */
  describe(
    commit: string,
  ): Promise<{ author: string; email: string; date: string; subject: string; committer: string }>;
  /**
   * Makes a commit in the mirror, without a checkout, pushes it to its branch, and returns its id. Both at once or not at all:
   * GIT_MOVED where the branch is no longer where the request says, PERMISSION_DENIED where the server does not take it,
   * GIT_UNSUPPORTED where a path leads to no file inside the repository.
   */
  commit(request: CommitRequest, signal: AbortSignal): Promise<string>;
  /** Removes a branch from the remote. GIT_MOVED where it is not at that commit any more, PERMISSION_DENIED as for `commit`. */
  remove(branch: string, at: string, signal: AbortSignal): Promise<void>;
  /** What differs between two commits that the mirror has, as a unified diff without context. */
  patch(from: string, to: string, signal: AbortSignal): Promise<string>;
  readonly lineage: Lineage;
  /** Throws GIT_UNSIGNED unless the commit is signed by an allowed signer; nothing where no `signers` are set. */
  verify(commit: string): Promise<void>;
  /** Ends what is running. Idempotent. */
  close(): Promise<void>;
}

/** Opens the mirror that is there, without asking the remote: call `refresh` first where it must be current, or may be new. */
export async function openSource(options: SourceOptions): Promise<Source> {
  const closed = new AbortController();
  // Each command that runs listens: more than the ten from which Node suspects a leak.
  setMaxListeners(0, closed.signal);
  const place = placeOf(options, closed.signal);
  const root = inside(options.path ?? ".");
  const full = (folder: string): string => inside(posix.join(root, folder));
  const mirror = await openMirror(place, closed.signal);
  const treeIds = new Map<string, Promise<string | undefined>>();
  // Environments that follow one commit are rendered side by side; and who asks for the id reads the files next.
  const listings = sharing<readonly TreeEntry[]>(SHARED_MS);
  const readings = sharing<ReadonlyMap<string, SourceFile>>(SHARED_MS);
  const list: Listing = (at, commit, paths) =>
    listings([commit, ...paths].join("\0"), () => listTree(at, { commit, paths }, closed.signal));

  return {
    async refresh(signal) {
      const { before, after } = await mirror.refresh(signal);
      return { branches: branchesOf(after), rewritten: await rewritten(mirror, { before, after }, signal) };
    },
    tip: (branch) => mirror.refs.get(`refs/heads/${branch}`),
    resolve: (revision) => resolveRevision(mirror, revision, closed.signal),
    async bring(commit, ref, signal) {
      if (await hasCommit(mirror, commit, signal)) return;
      await mirror.bring(ref, signal);
      if (await hasCommit(mirror, commit, signal)) return;
      throw new TrueupError("GIT_REVISION_MISSING", `${ref} does not lead to ${commit.slice(0, 12)} any more`, {
        hint: "Somebody pushed meanwhile. It is looked at again in the next pass.",
      });
    },
    treeId(commit, ...folders) {
      // A commit's content never changes: asked again in every idle cycle, it must not cost a process.
      const key = [commit, ...folders].join("\0");
      const known = treeIds.get(key);
      if (known !== undefined) return known;
      const paths = folders.map(full);
      const asked = mirror.local(
        async (at) => treeId(at, { commit, paths, entries: await list(at, commit, paths) }, closed.signal),
        closed.signal,
      );
      remember(treeIds, key, asked);
      return asked;
    },
    read(commit, folders, signal) {
      const paths = [...new Set(folders.map(full))];
      const read = () =>
        mirror.local(
          async (at) =>
            readTree(at, { commit, root, folders: paths, entries: await list(at, commit, paths) }, closed.signal),
          closed.signal,
        );
      return unlessAborted(readings([commit, ...paths].join("\0"), read), signal);
    },
    readFirst: (commit, files, signal) => mirror.local((at) => readFirst(at, { commit, files }, signal), signal),
    async describe(commit) {
      const args = ["log", "-1", "--no-mailmap", "--format=%an%x00%ae%x00%aI%x00%s%x00%ce", commit, "--"];
      const text = await mirror.local((at) => git(at, args, closed.signal), closed.signal);
      const [author = "", email = "", date = "", subject = "", committer = ""] = text.trimEnd().split("\0");
      return { author, email, date, subject, committer };
    },
    async commit(request, signal) {
      const files = new Map([...request.files].map(([path, content]) => [full(path), content]));
      const id = await mirror.local((at) => writeCommit(at, { ...request, files }, signal), signal);
      const { branch, onto } = request;
      if (branch !== undefined) await mirror.push({ branch, from: onto, to: id }, signal);
      return id;
    },
    remove: (branch, at, signal) => mirror.push({ branch, from: at, to: undefined }, signal),
    patch: (from, to, signal) =>
      // Context may be another setting's value, and that one a secret.
      mirror.local(
        (at) => git(at, ["diff-tree", "-p", "-U0", "--no-ext-diff", "--no-textconv", from, to], signal),
        signal,
      ),
    lineage: lineageOf(mirror, options.mergeFile),
    async verify(commit) {
      if (options.signers === undefined) return;
      await verifySignature(mirror, { commit, signers: absolute(options.signers) }, closed.signal);
    },
    close() {
      closed.abort(new TrueupError("ABORTED", "the git source was closed"));
      return Promise.resolve();
    },
  };
}

function placeOf({ url, username, token, folder, timeout = 60_000 }: SourceOptions, closed: AbortSignal): Place {
  const remoteWith = (given: string | undefined) =>
    parseRemote({ url, ...(username !== undefined && { username }), ...(given !== undefined && { token: given }) });
  let remote = remoteWith(typeof token === "string" ? token : undefined);
  return {
    folder: absolute(folder),
    get remote() {
      return remote;
    },
    async renew(signal) {
      if (typeof token === "function") remote = remoteWith(await token(signal));
    },
    timeout,
    closed,
  };
}

interface TreeIdRequest {
  readonly commit: string;
  readonly paths: readonly string[];
  readonly entries: readonly TreeEntry[];
}

async function treeId(
  place: Place,
  { commit, paths, entries }: TreeIdRequest,
  signal: AbortSignal,
): Promise<string | undefined> {
  const ids = paths.map((folder) => entries.find(({ path, kind }) => path === folder && kind === "folder")?.id);
  const hasLinks = entries.some(({ kind }) => kind === "link");
  // The repository's top has no entry of its own; and with links, a change elsewhere can be a change here.
  if (hasLinks || paths.some((path, index) => ids[index] === undefined && (path === "" || mayBeBehindLink(path)))) {
    const tree = await wholeTree(place, commit, signal);
    if (paths.every((folder) => find(tree, folder) === undefined)) return undefined;
    return (await git(place, ["rev-parse", "--verify", `${commit}^{tree}`], signal)).trim();
  }
  return ids.every((id) => id === undefined)
    ? undefined
    : ids
        .map((id) => id ?? "")
        .join(" ")
        .trim();
}

async function rewritten(
  mirror: Mirror,
  { before, after }: { before: Refs; after: Refs },
  signal: AbortSignal,
): Promise<Refreshed["rewritten"]> {
  const old = branchesOf(before);
  const result: { branch: string; from: string; to: string }[] = [];
  for (const [branch, to] of branchesOf(after)) {
    const from = old.get(branch);
    if (from === undefined || from === to) continue;
    if (!(await isAncestor(mirror, { from, to }, signal))) result.push({ branch, from, to });
  }
  return result;
}

async function isAncestor(
  mirror: Mirror,
  { from, to }: { from: string; to: string },
  signal: AbortSignal,
): Promise<boolean> {
  return mirror.local(async (place) => {
    try {
      // Not --is-ancestor: that says nothing, and simple-git waits 50 ms for a process that says nothing.
      return (await git(place, ["merge-base", from, to], signal)).trim() === from;
    } catch (error) {
      // 1: no common ancestor; 128 and this text: the old commit is gone, so nothing that is left descends from it.
      if (error instanceof GitExit && (error.code === 1 || /not a valid (commit|object) name/i.test(error.stderr))) {
        return false;
      }
      throw error;
    }
  }, signal);
}

function remember(
  cache: Map<string, Promise<string | undefined>>,
  key: string,
  value: Promise<string | undefined>,
): void {
  cache.set(key, value);
  value.catch(() => cache.delete(key));
  const oldest = cache.keys().next();
  if (cache.size > 500 && oldest.done !== true) cache.delete(oldest.value);
}

/** A path below the repository's top, in git's spelling: no `.`, no slash at either end; "" is the top itself. */
function inside(path: string): string {
  const normal = posix.normalize(path).replace(/\/+$/, "");
  if (normal === "." || normal === "") return "";
  if (normal.startsWith("/") || normal === ".." || normal.startsWith("../")) {
    throw new TrueupError("CONFIG_INVALID", `"${path}" is not a folder inside the repository`, {
      hint: "Give repository.path relative to the repository's top.",
    });
  }
  return normal;
}
