import { randomUUID } from "node:crypto";
import { type BigIntStats, statSync } from "node:fs";
import { join } from "node:path";
import type { Observation } from "../../core/change.js";
import type { TrueupError } from "../../core/errors.js";
import { mapOf, type Value } from "../../core/value.js";
import { contentOf } from "./content.js";
import { fileFailure, liveFault } from "./failure.js";
import { requireRoot, realFile, type Root } from "./place.js";
import { decode, readFile, sameStat } from "./read.js";

/**
 * A write so soon after another may leave the same time stamps: within the granularity of the file system's clock (2 s on
 * the coarsest) an equal stat proves nothing. Git calls such a file racily clean.
 */
const GRANULARITY_MS = 2_000n;

/** What a name was last seen to be. `settled`: as long as the stat is the same, so is the content. */
interface Seen {
  readonly stat: BigIntStats | undefined;
  readonly settled: boolean;
  readonly text?: string;
  /** Undefined where there is no file. */
  readonly value?: Value | undefined;
  readonly error?: TrueupError;
}

const ABSENT: Seen = { stat: undefined, settled: true };

export interface Observer {
  observe(managed: ReadonlySet<string>): Observation;
  /** Whether a file of the last observation may have changed since: one stat a file. */
  hasMoved(): boolean;
  /** The names of the last observation: another set only when they are others. */
  names(): ReadonlySet<string>;
}

/** Reads the named files, synchronously (promises take eight times as long), and parses only those whose stat changed. */
export function observer(root: Root, options: { readonly tags?: "keep" | undefined }): Observer {
  const seen = new Map<string, Seen>();
  /** Tokens of different observers never match. */
  const run = randomUUID();
  let generation = 0;
  let last: Observation | undefined;
  let names: ReadonlySet<string> = new Set();

  function look(name: string): Seen {
    const known = seen.get(name);
    const path = join(root.folder, name);
    let stat: BigIntStats | undefined;
    try {
      stat = statSync(path, { bigint: true, throwIfNoEntry: false });
      if (known !== undefined && isSame(known, stat)) return known;
      const real = realFile(root, name);
      return real === undefined ? ABSENT : read(name, { path, real, known });
    } catch (error) {
      return { stat, settled: false, error: fileFailure("read", path, error) };
    }
  }

  function read(name: string, { path, real, known }: { path: string; real: string; known: Seen | undefined }): Seen {
    const { bytes, stat } = readFile(real, path);
    const age = BigInt(Date.now()) - (stat.ctimeMs > stat.mtimeMs ? stat.ctimeMs : stat.mtimeMs);
    const base = { stat, settled: age > GRANULARITY_MS };
    try {
      const text = decode(bytes, path);
      if (known?.text === text) return { ...known, ...base };
      const parse = { file: path, ...(options.tags === undefined ? {} : { tags: options.tags }) };
      return { ...base, text, value: contentOf(name, parse).parse(text) };
    } catch (error) {
      return { ...base, error: liveFault(path, error) };
    }
  }

  return {
    names: () => names,
    observe: (managed) => {
      let isNew = last === undefined;
      if (names.size !== managed.size || ![...managed].every((name) => names.has(name))) {
        names = new Set(managed);
        for (const name of seen.keys()) if (!names.has(name)) seen.delete(name);
        isNew = true;
      }
      requireRoot(root);
      const faults: TrueupError[] = [];
      for (const name of managed) {
        const before = seen.get(name);
        const now = look(name);
        seen.set(name, now);
        if (now.error !== undefined) faults.push(now.error);
        isNew ||= before?.value !== now.value;
      }
      const [fault] = faults;
      if (fault !== undefined) {
        last = undefined;
        throw fault;
      }
      if (last !== undefined && !isNew) return last;
      generation += 1;
      last = { document: documentOf(seen), version: `${run}:${generation}` };
      return last;
    },
    hasMoved: () =>
      [...names].some((name) => {
        const known = seen.get(name);
        try {
          const stat = statSync(join(root.folder, name), { bigint: true, throwIfNoEntry: false });
          return known === undefined || !isSame(known, stat);
        } catch {
          return true;
        }
      }),
  };
}

function isSame(known: Seen, stat: BigIntStats | undefined): boolean {
  if (!known.settled) return false;
  return known.stat === undefined || stat === undefined ? known.stat === stat : sameStat(known.stat, stat);
}

function documentOf(seen: ReadonlyMap<string, Seen>): Observation["document"] {
  return mapOf([...seen].flatMap(([name, { value }]) => (value === undefined ? [] : [[name, value] as const])));
}
