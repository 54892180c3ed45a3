import { readFileSync, type Stats, statSync } from "node:fs";
import type { Attribution } from "../../core/attribution.js";
import { parsePointer, type Pointer } from "../../core/pointer.js";
import { realFile, type Root } from "./place.js";

/**
 * Whom the settings' files belong to, and when they were written last. An owner need not be the writer, and the time is the
 * writer's to set: never more than possible. Of a file that is gone nothing is known.
 */
export function fileWriters(root: Root, paths: readonly Pointer[]): ReadonlyMap<Pointer, Attribution> {
  const names = new Map(paths.map((path) => [path, parsePointer(path)[0] ?? ""]));
  const owners = ownersByName();
  const writers = new Map(
    [...new Set(names.values())].map((name) => [name, name === "" ? undefined : writerOf(root, name, owners)]),
  );
  return new Map(
    [...names].flatMap(([path, name]) => {
      const writer = writers.get(name);
      return writer === undefined ? [] : [[path, writer] as const];
    }),
  );
}

function writerOf(root: Root, name: string, owners: ReadonlyMap<number, string>): Attribution | undefined {
  const stat = statOf(root, name);
  if (stat === undefined) return undefined;
  const { uid, mtime } = stat;
  const at = mtime.toISOString();
  // Where there are no owners, every file has the same.
  if (process.getuid === undefined) return { at, how: "file time", certainty: "possible" };
  return { by: owners.get(uid) ?? `uid ${uid}`, at, how: "file owner and time", certainty: "possible" };
}

/** Undefined where there is no file, or none that can be looked at: why that is, `observe` says. */
function statOf(root: Root, name: string): Stats | undefined {
  try {
    const real = realFile(root, name);
    return real === undefined ? undefined : statSync(real);
  } catch {
    return undefined;
  }
}

/** Node asks the system only for its own user's name. Users of a directory service are not in here: they are shown by number. */
function ownersByName(): ReadonlyMap<number, string> {
  try {
    const lines = readFileSync("/etc/passwd", "utf8").matchAll(/^([^:\n]+):[^:\n]*:(\d+):/gm);
    // Of two names for one number, the first counts.
    return new Map([...lines].reverse().map(([, name = "", uid]) => [Number(uid), name] as const));
  } catch {
    return new Map();
  }
}
