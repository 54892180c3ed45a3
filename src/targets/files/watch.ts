import { type FSWatcher, statSync, watch } from "node:fs";
import { basename, dirname, join, relative, sep } from "node:path";
import { TrueupError } from "../../core/errors.js";
import { errnoOf } from "./failure.js";
import type { Observer } from "./observe.js";
import { realFile, type Root } from "./place.js";
import { isTemporary } from "./temporary.js";

/** Programs write in bursts (truncate, write, rename): wait for the rest of one, far below what a person notices. */
const BURST_MS = 15;
/** What a folder that cannot be watched says; the folder above it is watched, and tells when it is back. */
const UNWATCHABLE = new Set(["ENOENT", "ENOTDIR", "EACCES", "EPERM", "ELOOP"]);

export interface Watching {
  /** To be called after each observation: the files may be others now. */
  refresh(): void;
  /** Resolves when the signal aborts. @throws TrueupError CONNECTION_FAILED where the system has no watches left */
  readonly ended: Promise<void>;
}

/**
 * Calls `moved` when a file of the last observation may have changed.
 *
 * Watches folders, as a file that is replaced takes its watch with it: all on the way from above the root to each file,
 * so that one that is moved, swapped or not there yet is seen, and those that links lead to. An event only says "look";
 * the files' stats decide, so that a busy neighbour (a log) wakes nobody.
 *
 * `fs.watch` and not chokidar, which does not follow a path below a folder that is not there yet, nor a link on the way
 * that is swapped (`current -> releases/42`, a mounted ConfigMap).
 */
export function watchFiles(root: Root, observer: Observer, on: { moved: () => void; signal: AbortSignal }): Watching {
  const watchers = new Map<string, { readonly watcher: FSWatcher; readonly id: string }>();
  let resolve: () => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const ended = new Promise<void>((...settlers) => ([resolve, reject] = settlers));
  let names = observer.names();
  let timer: NodeJS.Timeout | undefined;
  /** Whether folders or links may have come, gone or changed. */
  let stale = true;

  function end(settle: () => void): void {
    clearTimeout(timer);
    on.signal.removeEventListener("abort", stop);
    for (const path of [...watchers.keys()]) drop(path);
    settle();
  }
  function stop(): void {
    end(resolve);
  }
  function drop(path: string): void {
    watchers.get(path)?.watcher.close();
    watchers.delete(path);
  }
  function soon(): void {
    timer ??= setTimeout(look, BURST_MS);
  }
  function look(): void {
    timer = undefined;
    try {
      // Until nothing new is found: a folder may be made between looking for it and watching the one above it.
      while (stale) stale = follow();
    } catch (error) {
      end(() => {
        reject(watchFault(error));
      });
      return;
    }
    if (observer.hasMoved()) on.moved();
  }
  /** Watches the folders that matter now. True where it began to watch one. */
  function follow(): boolean {
    const wanted = foldersOf(root, names);
    for (const path of [...watchers.keys()]) if (!wanted.has(path)) drop(path);
    return [...wanted].filter((path) => begin(path)).length > 0;
  }
  function begin(path: string): boolean {
    const id = identity(path);
    if (watchers.get(path)?.id === id) return false;
    drop(path);
    if (id === undefined) return false;
    try {
      const watcher = watch(path, (event, base) => {
        if (base !== null && !concerns(root, path, base)) return;
        // A folder that is moved or removed reports its own name, and its watch is dead or elsewhere.
        if (base === basename(path)) drop(path);
        stale ||= event === "rename";
        soon();
      });
      watcher.on("error", () => {
        drop(path);
        stale = true;
        soon();
      });
      watchers.set(path, { watcher, id });
      return true;
    } catch (error) {
      if (UNWATCHABLE.has(errnoOf(error) ?? "")) return false;
      throw error;
    }
  }

  on.signal.addEventListener("abort", stop);
  if (on.signal.aborted) stop();
  else look();
  return {
    ended,
    refresh: () => {
      if (observer.names() === names) return;
      names = observer.names();
      stale = true;
      soon();
    },
  };
}

/** From the top down, those that are not there included. */
function foldersOf(root: Root, names: ReadonlySet<string>): Set<string> {
  let top = dirname(root.boundary);
  while (identity(top) === undefined && dirname(top) !== top) top = dirname(top);
  const folders = new Set([top, root.boundary]);
  for (const name of names) {
    let path = root.boundary;
    for (const segment of dirname(relative(root.boundary, join(root.folder, name))).split(sep)) {
      path = join(path, segment);
      folders.add(path);
    }
    const real = resolved(root, name);
    if (real !== undefined) folders.add(dirname(real));
  }
  return folders;
}

/** Whether what happened to `base` in the folder can be of any meaning to the files. */
function concerns(root: Root, folder: string, base: string): boolean {
  if (isTemporary(base)) return false;
  // Above the root (in /etc, say) only the way down to it is; below, a link may go by any name.
  const [next] = relative(folder, root.boundary).split(sep);
  return next === "" || next === ".." || next === base || base === basename(folder);
}

function resolved(root: Root, name: string): string | undefined {
  try {
    return realFile(root, name);
  } catch {
    return undefined;
  }
}

function identity(path: string): string | undefined {
  try {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stat?.isDirectory() === true ? `${stat.dev}:${stat.ino}:${stat.birthtimeNs}` : undefined;
  } catch {
    return undefined;
  }
}

function watchFault(error: unknown): TrueupError {
  return new TrueupError("CONNECTION_FAILED", `the files cannot be watched (${errnoOf(error) ?? "unknown fault"})`, {
    hint: "Raise fs.inotify.max_user_watches and max_user_instances; until then the interval finds what moved.",
    cause: error,
  });
}
