import { basename, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { applyChanges, type Step } from "../../core/apply.js";
import type { Change, Edit, ListRules, Outcome } from "../../core/change.js";
import { TrueupError } from "../../core/errors.js";
import { parsePointer } from "../../core/pointer.js";
import { looksSecretByName, looksSecretByValue } from "../../core/sensitive.js";
import { emptyMap, mapOf, member, type Value } from "../../core/value.js";
import { type Content, contentOf, rewrite } from "./content.js";
import { fileFailure, liveFault } from "./failure.js";
import { segmentsOf } from "./names.js";
import { makeFolderOf, realFile, requireRoot, type Root } from "./place.js";
import { decode, type LiveFile, readFile } from "./read.js";
import { removeFile, writeFile, type WriteRequest, type Written } from "./write.js";

export interface ApplyOptions {
  readonly root: Root;
  readonly lists: ListRules;
  readonly tags: "keep" | undefined;
  /** Permission bits of new files. */
  readonly mode: number | undefined;
  readonly inPlace: boolean;
}

/** How often a file is read and edited anew when something else writes to it at the same moment. */
const ATTEMPTS = 3;

/** Applies changes file by file, in the order in which the changes name them; each file takes all of its own or none. */
export async function applyToFiles(
  changes: readonly Change[],
  options: ApplyOptions,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  requireRoot(options.root);
  const outcomes = new Map<Change, Outcome>();
  for (const [name, own] of byFile(changes)) {
    // Reading and editing are synchronous: this is where an abort gets its turn.
    await setImmediate();
    const result = signal.aborted ? failed(own, aborted()) : await applyToFile(name, own, options);
    own.forEach((change, index) => {
      const outcome = result[index];
      if (outcome !== undefined) outcomes.set(change, outcome);
    });
  }
  return changes.flatMap((change) => outcomes.get(change) ?? []);
}

async function applyToFile(name: string, changes: readonly Change[], options: ApplyOptions): Promise<Outcome[]> {
  const path = join(options.root.folder, name);
  try {
    segmentsOf(name);
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const edited = edit(name, path, { changes, options });
      if (edited.unchanged || (await write(name, edited, { changes, options })) === "written") return edited.outcomes;
    }
    throw new TrueupError("WRITE_FAILED", "something else writes to the file all the time", {
      where: { file: path },
      hint: "Find out what writes to it; Trueup tries again at the next pass.",
    });
  } catch (error) {
    return failed(changes, fileFailure("write", path, error));
  }
}

interface Edited {
  readonly old: LiveFile | undefined;
  /** Undefined: the file is to be removed, or stays absent. */
  readonly bytes: Buffer | undefined;
  readonly unchanged: boolean;
  readonly outcomes: Outcome[];
}

function edit(name: string, path: string, on: { changes: readonly Change[]; options: ApplyOptions }): Edited {
  const { root, tags, lists } = on.options;
  const real = realFile(root, name);
  const old = real === undefined ? undefined : readFile(real, path);
  const text = old === undefined ? undefined : decode(old.bytes, path);
  const content = contentOf(name, { file: path, ...(tags === undefined ? {} : { tags }) });
  const live = text === undefined ? emptyMap() : mapOf([[name, parseLive(content, text, path)]]);
  const { document, steps, edits } = applyChanges(live, on.changes, lists);
  const outcomes = steps.map(outcomeOf);
  if (edits.length === 0) return { old, bytes: old?.bytes, unchanged: true, outcomes };
  const bytes = rewrite(content, { text, edits: inFile(steps, edits), value: member(document, name) });
  const unchanged = bytes === undefined || old === undefined ? bytes === old?.bytes : bytes.equals(old.bytes);
  return { old, bytes, unchanged, outcomes };
}

/**
 * The edits in terms of one file. A tree's last setting takes the tree with it, but a file may hold comments: only a change
 * of the file itself removes it unseen; for any other the file is emptied, and `rewrite` sees whether anything is left.
 */
function inFile(steps: readonly Step[], edits: readonly Edit[]): Edit[] {
  const changeOf = new Map(steps.flatMap((step) => ("moved" in step ? [] : step.edits.map((e) => [e, step.change]))));
  return edits.map((edit) => {
    const [, ...rest] = edit.path;
    if (rest.length > 0 || edit.value !== undefined) return { path: rest, value: edit.value };
    const change = changeOf.get(edit);
    return { path: change === undefined ? [] : parsePointer(change.path).slice(1, 2), value: undefined };
  });
}

async function write(
  name: string,
  { old, bytes }: Edited,
  on: { changes: readonly Change[]; options: ApplyOptions },
): Promise<Written> {
  const { root, mode, inPlace } = on.options;
  if (bytes === undefined)
    return old === undefined ? "written" : removeFile(makeFolderOf(root, name), basename(name), old);
  const real = old?.real ?? join(makeFolderOf(root, name), basename(name));
  return writeFile({ real, old, content: bytes, mode: modeOfNew(on.changes, mode), inPlace });
}

/** By default a new file with what looks like a secret in it is for its owner alone. */
function modeOfNew(changes: readonly Change[], mode: number | undefined): WriteRequest["mode"] {
  if (mode !== undefined) return { bits: mode, exact: true };
  const secret = changes.some(({ path, desired }) => looksSecretByName(path) || looksSecretByValue(desired));
  return { bits: secret ? 0o600 : 0o644, exact: false };
}

function parseLive(content: Content, text: string, path: string): Value {
  try {
    return content.parse(text);
  } catch (error) {
    throw liveFault(path, error);
  }
}

function outcomeOf(step: Step): Outcome {
  const { path } = step.change;
  return "moved" in step ? { path, result: "moved", live: step.live } : { path, result: "applied" };
}

function failed(changes: readonly Change[], error: Error): Outcome[] {
  return changes.map(({ path }) => ({ path, result: "failed", error }));
}

function aborted(): TrueupError {
  return new TrueupError("ABORTED", "stopped before this file was written");
}

function byFile(changes: readonly Change[]): Map<string, Change[]> {
  const files = new Map<string, Change[]>();
  for (const change of changes) {
    const [name] = parsePointer(change.path);
    if (name === undefined) throw new TrueupError("INTERNAL", "a change of all files at once has no file to go to");
    const own = files.get(name);
    if (own === undefined) files.set(name, [change]);
    else own.push(change);
  }
  return files;
}
