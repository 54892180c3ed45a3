import { posix } from "node:path";
import { formatPointer, type Pointer } from "../core/pointer.js";
import type { SettingConflict } from "../core/three-way.js";
import { isList, isMap, type Value } from "../core/value.js";
import { formatOf } from "../formats/registry.js";
import type { MergeConflict } from "../git/merge.js";
import { stringifyJson } from "../lib/json.js";
import { isSensitive } from "../reconcile/judge.js";
import type { Session } from "../reconcile/session.js";
import type { RenderedEnvironment } from "../render/rendered.js";
import { line } from "./by-setting.js";
import { type HopMemory, renderedAt } from "./hop-memory.js";

/** A merge that is in conflict: which environment's commit cannot be brought into which one's branch. */
export interface ConflictedMerge {
  readonly from: { readonly name: string; readonly commit: string };
  readonly to: { readonly name: string; readonly commit: string };
  readonly conflicts: readonly MergeConflict[];
  /** Where several are described. */
  readonly memory?: HopMemory;
}

/** Of so many settings it is said how they differ. */
const MOST_SETTINGS = 10;
const LONGEST = 40;

/** What was said of a merge: what was found of it is remembered, and asked for in every pass. */
const known = new WeakMap<readonly MergeConflict[], Promise<string>>();

/**
 * What both changed, for a person: file by file, and setting by setting where they can be told. A value is shown only if both
 * environments load the file's target and neither takes the setting for sensitive: the text goes to terminals, statuses and
 * pull requests.
 */
export function conflictText(session: Session, merge: ConflictedMerge, signal: AbortSignal): Promise<string> {
  const said = known.get(merge.conflicts) ?? describe(session, merge, signal);
  known.set(merge.conflicts, said);
  said.catch(() => known.delete(merge.conflicts));
  return said;
}

async function describe(session: Session, merge: ConflictedMerge, signal: AbortSignal): Promise<string> {
  const { from, to, conflicts, memory } = merge;
  const isNamed = conflicts.some(({ settings }) => settings !== undefined);
  const environments = isNamed
    ? await Promise.all([from, to].map((side) => rendered(session, { ...side, memory }, signal)))
    : [];
  const { path: top } = session.config.repository;
  const foreign = (name: string) => session.config.environments.has(name) && name !== from.name && name !== to.name;
  let left = MOST_SETTINGS;
  const texts = conflicts.map((conflict) => {
    const { path, kind, settings, unread } = conflict;
    if (unread !== undefined) return `${line(path)} (${kind}; ${whyUnread(unread, merge)})`;
    if (settings === undefined) return `${line(path)} (${kind})`;
    const place = placeOf(posix.relative(top, path), foreign);
    const told = settings.slice(0, left).map((setting) => {
      const isShown = place !== undefined && environments.every((one) => isOpen(one, place, setting));
      return settingText(setting, merge, isShown);
    });
    left -= told.length;
    const more = settings.length - told.length;
    return `${line(path)}: ${[...told, ...(more > 0 ? [`${more} more`] : [])].join(", ")}`;
  });
  return texts.join("; ");
}

function whyUnread({ side, reason }: NonNullable<MergeConflict["unread"]>, { from, to }: ConflictedMerge): string {
  if (side === undefined) return reason;
  const where = { base: "what both had", ours: to.name, theirs: from.name }[side];
  return `in ${where} it does not load: ${line(reason)}`;
}

function settingText({ path, ours, theirs }: SettingConflict, { from, to }: ConflictedMerge, isShown: boolean): string {
  const [here, there] = [shown(ours), shown(theirs)];
  if (!isShown) return `${line(path)} (values not shown)`;
  if (here === undefined || there === undefined) return line(path);
  return `${line(path)} is ${there} in ${from.name} and ${here} in ${to.name}`;
}

/** Undefined for what is long, or might be taken for mark-up. */
function shown(value: Value | undefined): string | undefined {
  if (value === undefined) return "absent";
  if (isList(value) || isMap(value)) return undefined;
  const text = stringifyJson(value);
  return text.length <= LONGEST && /^"?[\p{L}\p{N} _.,:;+=%/-]*"?$/u.test(text) && !text.includes("://")
    ? text
    : undefined;
}

/** Where the file's settings are found in a target's document. */
interface DocumentPlace {
  readonly target: string;
  readonly above: Pointer;
}

/** Undefined for a file that can be no target's document in either environment. */
function placeOf(file: string, foreign: (environment: string) => boolean): DocumentPlace | undefined {
  const [, layer = "", target = "", document] = /^environments\/([^/]+)\/([^/]+)(?:\/(.+))?$/.exec(file) ?? [];
  if (target === "" || foreign(layer)) return undefined;
  if (document !== undefined) return { target, above: formatPointer([document]) };
  const extension = formatOf(target) === undefined ? "" : posix.extname(target);
  return { target: posix.basename(target, extension), above: "" };
}

function isOpen(
  environment: RenderedEnvironment | undefined,
  { target: name, above }: DocumentPlace,
  { path, ours, theirs }: SettingConflict,
): boolean {
  const target = environment?.targets.find((one) => one.name === name);
  if (target === undefined || "error" in target) return false;
  return !isSensitive({ path: `${above}${path}`, desired: ours, live: theirs, lastApplied: undefined }, target);
}

async function rendered(
  session: Session,
  { name, commit, memory }: ConflictedMerge["from"] & { readonly memory: HopMemory | undefined },
  signal: AbortSignal,
): Promise<RenderedEnvironment | undefined> {
  try {
    return await renderedAt(session, { to: name, commit, memory, signal });
  } catch {
    signal.throwIfAborted();
    // Nobody knows what is sensitive in it: nothing is shown.
    return undefined;
  }
}
