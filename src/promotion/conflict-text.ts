import { posix } from "node:path";
import { formatPointer, type Pointer } from "../core/pointer.js";
import type { SettingConflict } from "../core/three-way.js";
import { isList, isMap, type Value } from "../core/value.js";
import { formatOf } from "../formats/registry.js";
import type { MergeConflict } from "../git/merge.js";
import { stringifyJson } from "../lib/json.js";
import { desiredState, tipOf } from "../reconcile/desired.js";
import { isSensitive } from "../reconcile/judge.js";
import type { Session } from "../reconcile/session.js";
import type { RenderedEnvironment } from "../render/rendered.js";
import { line } from "./by-setting.js";

/** A merge that is in conflict: from which environment's branch into which one's. */
export interface ConflictedPair {
  readonly from: string;
  readonly to: string;
  readonly branches: ReadonlyMap<string, string>;
}

/** Of so many settings it is said how they differ. */
const MOST_SETTINGS = 10;
const LONGEST = 40;

/**
 * What both changed, for a person: file by file, and setting by setting where they can be told. A value is shown only if both
 * environments load the file's target and neither takes the setting for sensitive: the text goes to terminals, statuses and
 * pull requests.
 */
export async function conflictText(
  session: Session,
  { conflicts, ...pair }: ConflictedPair & { readonly conflicts: readonly MergeConflict[] },
  signal: AbortSignal,
): Promise<string> {
  const isNamed = conflicts.some(({ settings }) => settings !== undefined);
  const environments = isNamed ? await rendered(session, pair, signal) : [];
  const { path: top } = session.config.repository;
  const foreign = (name: string) => session.config.environments.has(name) && name !== pair.from && name !== pair.to;
  let left = MOST_SETTINGS;
  const texts = conflicts.map((conflict) => {
    const { path, kind, settings, unread } = conflict;
    if (unread !== undefined) return `${line(path)} (${kind}; ${whyUnread(unread, pair)})`;
    if (settings === undefined) return `${line(path)} (${kind})`;
    const place = placeOf(posix.relative(top, path), foreign);
    const told = settings.slice(0, left).map((setting) => {
      const isShown = place !== undefined && environments.every((one) => isOpen(one, place, setting));
      return settingText(setting, pair, isShown);
    });
    left -= told.length;
    const more = settings.length - told.length;
    return `${line(path)}: ${[...told, ...(more > 0 ? [`${more} more`] : [])].join(", ")}`;
  });
  return texts.join("; ");
}

function whyUnread({ side, reason }: NonNullable<MergeConflict["unread"]>, { from, to }: ConflictedPair): string {
  if (side === undefined) return reason;
  const where = { base: "what both had", ours: to, theirs: from }[side];
  return `in ${where} it does not load: ${line(reason)}`;
}

function settingText({ path, ours, theirs }: SettingConflict, { from, to }: ConflictedPair, isShown: boolean): string {
  const [here, there] = [shown(ours), shown(theirs)];
  if (!isShown) return `${line(path)} (values not shown)`;
  if (here === undefined || there === undefined) return line(path);
  return `${line(path)} is ${there} in ${from} and ${here} in ${to}`;
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

function rendered(session: Session, { from, to, branches }: ConflictedPair, signal: AbortSignal) {
  return Promise.all(
    [from, to].map((environment) =>
      desiredState(session, { environment, revision: tipOf(session, environment, branches), signal }).catch(() => {
        signal.throwIfAborted();
        // Nobody knows what is sensitive in it: nothing is shown.
        return undefined;
      }),
    ),
  );
}
