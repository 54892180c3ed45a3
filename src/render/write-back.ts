import { createHash } from "node:crypto";
import { formatPlace, type Place, TrueupError } from "../core/errors.js";
import { keyName, keyOf, type ListScope, listScope, within } from "../core/lists.js";
import { child, parsePointer, type Pointer } from "../core/pointer.js";
import { same } from "../core/same.js";
import { looksSecretByName, looksSecretByValue } from "../core/sensitive.js";
import { emptyMap, isList, isMap, type Value } from "../core/value.js";
import { pointerGlobs } from "../lib/glob.js";
import { suggestion } from "../lib/suggest.js";
import type { TargetKind } from "../targets/target.js";
import { readEnvironment } from "./environment.js";
import { destination, edited, holds, type OpenFile, openFile } from "./overlay-file.js";
import { type Layered, mergeTarget } from "./layers.js";
import { overlay, settle } from "./overlay.js";
import type { Snapshot } from "./snapshot.js";
import { escapeReferences, substituteAt } from "./text.js";

export interface WriteBackRequest {
  readonly snapshot: Snapshot;
  /** The commit of the snapshot, for errors. */
  readonly revision: string;
  readonly environment: string;
  readonly target: string;
  readonly kinds: readonly Pick<TargetKind, "kind" | "manyDocuments">[];
  readonly settings: readonly LiveSetting[];
  /** The layer to write to; by default the environment's own. */
  readonly layer?: string | undefined;
  /** What else must be true of the edited files. Rejects with the TrueupError that says what is not. */
  readonly admit?: (edited: Snapshot) => Promise<void>;
}

export interface LiveSetting {
  /** In the words of findings: below a keyed list the segment is the element's key. */
  readonly path: Pointer;
  /** undefined: the setting is gone. */
  readonly live: Value | undefined;
}

/** Where a setting was written (what is removed has its file only), or why it was not. */
export type WrittenSetting =
  { readonly path: Pointer; readonly place: Place } | { readonly path: Pointer; readonly error: TrueupError };

export interface WriteBack {
  /** The new text of each file that changes, new ones included, by its path as in the snapshot. */
  readonly files: ReadonlyMap<string, string>;
  /** In the order of the request. */
  readonly settings: readonly WrittenSetting[];
}

/**
 * Writes live values back into the files of the environments repository: each into the file that gave the setting its value
 * where that is in the layer to write to, else as an override in that layer's file of the target. Only the lines of the
 * settings change. The edited files are rendered again: what would not render to exactly the live values, with everything
 * else as it was, is not written but answered as an error of its setting.
 *
 * Not written are sensitive settings and those made from secrets. In place of a variable stands the literal value.
 * @throws TrueupError ENVIRONMENT_INVALID, DOCUMENT_INVALID where the environment or target does not render as it is
 */
export async function writeBack(request: WriteBackRequest): Promise<WriteBack> {
  const target = openTarget(request);
  const layered = target.read(request.snapshot);
  const isRefused = refusals(layered, target);
  const results = new Map<LiveSetting, WrittenSetting>();
  const wanted = inOrder(request.settings).filter((setting) => {
    const error = isRefused(setting);
    if (error !== undefined) results.set(setting, { path: setting.path, error });
    return error === undefined;
  });
  const files = new Map<string, string>();
  let snapshot = request.snapshot;
  const attempt = async (settings: readonly LiveSetting[]): Promise<void> => {
    if (settings.length === 0) return;
    try {
      const written = write(snapshot, settings, target);
      await request.admit?.(written.snapshot).catch((error: unknown) => {
        throw refused(error, settings, layered);
      });
      snapshot = written.snapshot;
      for (const [file, text] of written.files) files.set(file, text);
      for (const [index, setting] of settings.entries()) {
        results.set(setting, { path: setting.path, place: written.places[index] ?? { file: target.folder } });
      }
    } catch (error) {
      if (!(error instanceof TrueupError)) throw error;
      const [only, ...others] = settings;
      if (only !== undefined && others.length === 0) results.set(only, { path: only.path, error });
      else {
        // One that cannot be written keeps nothing of the others back.
        const half = Math.ceil(settings.length / 2);
        await attempt(settings.slice(0, half));
        await attempt(settings.slice(half));
      }
    }
  };
  await attempt(wanted);
  // A rule may speak of two settings: one that broke it alone can be right now that the other is written.
  for (let left = wanted.length; request.admit !== undefined;) {
    const refused = wanted.filter((setting) => "error" in (results.get(setting) ?? {}));
    if (refused.length === 0 || refused.length === left) break;
    left = refused.length;
    await attempt(refused);
  }
  return {
    files,
    settings: request.settings.flatMap((setting) => results.get(setting) ?? []),
  };
}

/** Why the environment may not be as the settings make it. What is said of several is said of the first: it is not reported. */
function refused(error: unknown, [setting]: readonly LiveSetting[], { explain }: Layered): unknown {
  if (!(error instanceof TrueupError) || setting === undefined) return error;
  const { code, message, hint } = error;
  const because = hint === undefined ? message : `${message} (${hint})`;
  return new TrueupError(code, `${setting.path} may not be as it is live: ${because}`, {
    where: explain(setting.path),
    hint: "revert the live value, or change what forbids it first",
    cause: error,
  });
}

/** What is removed comes last, the last position of a list first, so that no removal moves another setting. */
function inOrder(settings: readonly LiveSetting[]): readonly LiveSetting[] {
  const gone = settings.filter(({ live }) => live === undefined);
  return [...settings.filter(({ live }) => live !== undefined), ...gone.toReversed()];
}

interface OpenTarget {
  readonly request: WriteBackRequest;
  readonly scope: ListScope;
  /** Of the layer to write to. */
  readonly folder: string;
  readonly folders: readonly string[];
  readonly manyDocuments: boolean;
  readonly tags: "keep" | "refuse";
  readonly marked: (pointer: Pointer) => boolean;
  readonly read: (snapshot: Snapshot) => Layered;
  /** A part of a document with variables put in; told of each setting that takes a secret. */
  readonly rendered: (part: Value, scope: ListScope, secret?: (pointer: Pointer) => void) => Value;
  readonly written: (part: Value, scope: ListScope) => Value;
}

function openTarget(request: WriteBackRequest): OpenTarget {
  const { snapshot, environment, revision, target, kinds, layer = environment } = request;
  const { file, folders } = readEnvironment(snapshot, environment, revision);
  const declared = file.targets.get(target);
  if (declared === undefined) {
    throw new TrueupError("ENVIRONMENT_INVALID", `${environment} has no target \`${target}\``, {
      hint: suggestion(target, [...file.targets.keys()]),
    });
  }
  const folder = `environments/${layer}`;
  if (!folders.includes(folder)) {
    throw new TrueupError("ENVIRONMENT_INVALID", `${environment} has no layer \`${layer}\``, {
      hint: suggestion(
        layer,
        folders.map((name) => name.slice("environments/".length)),
      ),
    });
  }
  const { common, rest } = declared;
  const { lists } = common;
  const tags = rest["tags"] === "keep" ? "keep" : "refuse";
  const manyDocuments = kinds.some(({ kind, manyDocuments: many }) => kind === common.kind && many);
  const { variables } = file;
  return {
    request,
    scope: listScope(lists),
    folder,
    folders,
    manyDocuments,
    tags,
    marked: pointerGlobs(common.sensitive),
    read: (at) => mergeTarget(at, { target, folders, lists, tags, manyDocuments }),
    rendered: (part, scope, secret) =>
      substituteAt(part, scope, {
        variables,
        secret: (name, pointer) => {
          secret?.(pointer);
          // Not what a text can say: a secret equals itself only.
          return `\0secret:${name}\0`;
        },
        warn: () => undefined,
      }),
    written: (part, scope) => escapeReferences(part, scope, variables),
  };
}

/** Why a setting is not for git at all: it is sensitive, or git has only the secret's name. */
function refusals(layered: Layered, target: OpenTarget): (setting: LiveSetting) => TrueupError | undefined {
  const fromSecret = new Set<Pointer>();
  target.rendered(layered.document, target.scope, (pointer) => fromSecret.add(pointer));
  const { marked } = target;
  return ({ path, live }) => {
    const inOrBelow = [...fromSecret].some(
      (secret) => `${secret}/`.startsWith(`${path}/`) || path.startsWith(`${secret}/`),
    );
    const why = inOrBelow
      ? "is made from a secret"
      : looksSecretByValue(live)
        ? "carries what looks like a credential"
        : leaves(live, path, scopeAt(path, target.scope)).some((leaf) => marked(leaf) || looksSecretByName(leaf))
          ? "is sensitive"
          : undefined;
    if (why === undefined) return undefined;
    return new TrueupError("DOCUMENT_UNREPRESENTABLE", `${path} ${why}: its live value is not written to git`, {
      where: layered.explain(path),
      hint: "change the secret where it is kept, or revert the live value",
    });
  };
}

/** The pointers of a value's leaves, in the words of findings. */
function leaves(value: Value | undefined, pointer: Pointer, scope: ListScope): readonly Pointer[] {
  if (isList(value) && scope.rule !== "set") {
    const key = keyName(scope);
    return value.flatMap((item, index) => {
      const name = (key === undefined ? undefined : keyOf(item, key)) ?? String(index);
      return leaves(item, child(pointer, name), within(scope, name));
    });
  }
  if (!isMap(value)) return [pointer];
  return Object.entries(value).flatMap(([name, item]) => leaves(item, child(pointer, name), within(scope, name)));
}

function scopeAt(path: Pointer, scope: ListScope): ListScope {
  return parsePointer(path).reduce(within, scope);
}

interface Written {
  readonly snapshot: Snapshot;
  readonly files: ReadonlyMap<string, string>;
  /** Of the settings, in their order. */
  readonly places: readonly Place[];
}

/** Writes all of the settings or none. @throws TrueupError DOCUMENT_UNREPRESENTABLE, ENVIRONMENT_INVALID */
function write(snapshot: Snapshot, settings: readonly LiveSetting[], target: OpenTarget): Written {
  const layered = target.read(snapshot);
  const open = new Map<string, OpenFile>();
  const owners = settings.map((setting) => {
    const { own, pointer } = destination(setting.path, layered, target);
    const file = open.get(own.file) ?? openFile(own, { snapshot, layered });
    open.set(own.file, change(file, setting, { pointer, target }));
    return own;
  });
  const files = new Map<string, string>();
  const next = new Map(snapshot);
  for (const file of open.values()) {
    const text = edited(file, target.tags);
    if (text === file.text) continue;
    files.set(file.file, text);
    next.set(file.file, blobOf(text));
  }
  const after = target.read(next);
  verify({ before: layered, after, settings, target });
  const places = settings.map(({ path, live }, index) => {
    const file = owners[index]?.file ?? target.folder;
    const place = live === undefined ? undefined : after.explain(path);
    return place?.file === file ? place : { file };
  });
  return { snapshot: next, files, places };
}

function blobOf(text: string): { id: string; content: Buffer } {
  const content = Buffer.from(text);
  return { id: createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex"), content };
}

/** The file with the setting in it. `pointer`: where in a JSON Patch it is. */
function change(
  file: OpenFile,
  { path, live }: LiveSetting,
  { pointer, target }: { pointer: Pointer | undefined; target: OpenTarget },
): OpenFile {
  const { scope, rendered, written } = target;
  const segments = parsePointer(path);
  if (pointer !== undefined) {
    if (live === undefined && parsePointer(pointer).length === 2) throw byHand(path, file, target);
    const value = live === undefined ? undefined : written(live, scopeAt(path, scope));
    return { ...file, own: settle(file.own, parsePointer(pointer), listScope({}), () => value) };
  }
  const [name, ...rest] = segments;
  const inFile =
    file.name === undefined || name === undefined
      ? { path: segments, scope }
      : { path: rest, scope: within(scope, name) };
  const own = overlay(
    { own: file.own, lower: file.lower, scope: inFile.scope },
    { path: inFile.path, live, rendered, written },
  );
  if (live === undefined && !holds(file, own)) throw byHand(path, file, target);
  return { ...file, own };
}

/** That a setting is gone where the file cannot say so: a lower layer has it and the format has no null, or a JSON Patch adds it. */
function byHand(path: Pointer, { file, folder }: OpenFile, { request: { target } }: OpenTarget): TrueupError {
  return new TrueupError("DOCUMENT_UNREPRESENTABLE", `${file} cannot say that ${path} is gone`, {
    where: { file },
    hint: `a JSON Patch can: an operation \`remove\` in ${folder}/${target}.patch.yaml`,
  });
}

interface Verification {
  readonly before: Layered;
  readonly after: Layered;
  readonly settings: readonly LiveSetting[];
  readonly target: OpenTarget;
}

/** Holds what the edited files render to against what they should. */
function verify({ before, after, settings, target }: Verification): void {
  const { scope, rendered } = target;
  const expected = settings.reduce<Value>(
    (document, { path, live }) => settle(document, parsePointer(path), scope, () => live) ?? emptyMap(),
    rendered(before.document, scope),
  );
  if (same(rendered(after.document, scope), expected, { scope })) return;
  const path = settings[0]?.path ?? "";
  const owner = before.explain(path);
  throw new TrueupError(
    "DOCUMENT_UNREPRESENTABLE",
    `${path} cannot be written to ${target.folder} so that it renders to the live value and nothing else changes`,
    { where: owner, hint: `edit ${owner === undefined ? target.folder : formatPlace(owner)} by hand` },
  );
}
