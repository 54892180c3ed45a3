import { compare } from "../core/compare.js";
import type { Finding } from "../core/finding.js";
import { keyName, keyOf, type ListScope, listScope, within } from "../core/lists.js";
import { child, type Pointer } from "../core/pointer.js";
import type { Hash } from "../core/same.js";
import { emptyMap, isList, isMap, type Value } from "../core/value.js";
import { stringifyJson } from "../lib/json.js";
import { isSensitive } from "../reconcile/judge.js";
import { shortSeal } from "../reconcile/seal.js";
import type { ReadyTarget, RenderedEnvironment } from "../render/rendered.js";
import type { Difference } from "./report.js";

/**
 * What an environment's desired documents have differently in two renderings, target by target. A target that loads in one only
 * is left out: nobody knows what it has, and it is not all gone.
 */
export function differences(
  before: RenderedEnvironment | undefined,
  after: RenderedEnvironment,
  hash: Hash,
): readonly Difference[] {
  const [old, now] = [readyTargets(before), readyTargets(after)];
  const failing = new Set([...failingTargets(before), ...failingTargets(after)]);
  const names = [...new Set([...old.keys(), ...now.keys()])].filter((name) => !failing.has(name));
  return names.flatMap((name) => ofTarget({ before: old.get(name), after: now.get(name), hash }));
}

function readyTargets(environment: RenderedEnvironment | undefined): ReadonlyMap<string, ReadyTarget> {
  return new Map((environment?.targets ?? []).flatMap((target) => ("error" in target ? [] : [[target.name, target]])));
}

function failingTargets(environment: RenderedEnvironment | undefined): readonly string[] {
  return (environment?.targets ?? []).flatMap((target) => ("error" in target ? [target.name] : []));
}

interface Sides {
  readonly before: ReadyTarget | undefined;
  readonly after: ReadyTarget | undefined;
  readonly hash: Hash;
}

function ofTarget({ before, after, hash }: Sides): readonly Difference[] {
  const target = after ?? before;
  if (target === undefined) return [];
  const live = before?.document ?? emptyMap();
  // As if the older rendering were live and last applied: then every difference is git's, and nobody's drift.
  const { findings } = compare({
    ...{ lastApplied: live, live, desired: after?.document ?? emptyMap() },
    ...{ lists: target.lists, prune: true, exclusive: true },
  });
  const moved = movedSecrets(before, after);
  return findings.map((finding) => shown(finding, { before, after, hash, moved }));
}

/**
 * Where the sides match lists otherwise, a pointer of one does not say what stands there on the other: then a value that either
 * side hides, wherever it stands there, is hidden.
 */
function movedSecrets(before: ReadyTarget | undefined, after: ReadyTarget | undefined): (value: Value) => boolean {
  if (before === undefined || after === undefined) return () => false;
  if (stringifyJson(before.lists) === stringifyJson(after.lists)) return () => false;
  const hidden = new Set<string>();
  for (const { document, lists, sensitive } of [before, after]) {
    eachLeaf(document, listScope(lists), (value, path) => {
      if (sensitive(path)) hidden.add(stringifyJson(value));
    });
  }
  return (value) => {
    let found = false;
    // Its elements are leaves, too: one of a list that is no set may stand alone on the other side.
    eachLeaf(value, listScope({}), (leaf) => (found ||= hidden.has(stringifyJson(leaf))));
    return found;
  };
}

function eachLeaf(root: Value, rootScope: ListScope, see: (value: Value, path: Pointer) => void): void {
  const visit = (value: Value, path: Pointer, scope: ListScope): void => {
    if (isMap(value)) {
      for (const [name, item] of Object.entries(value)) visit(item, child(path, name), within(scope, name));
    } else if (isList(value)) {
      const key = keyName(scope);
      value.forEach((item, index) => {
        const name = (key === undefined ? undefined : keyOf(item, key)) ?? String(index);
        // A set is one setting: its elements stand where it stands.
        visit(item, scope.rule === "set" ? path : child(path, name), within(scope, name));
      });
    } else see(value, path);
  };
  visit(root, "", rootScope);
}

interface Showing extends Sides {
  readonly moved: (value: Value) => boolean;
}

function shown(finding: Finding, { before, after, hash, moved }: Showing): Difference {
  const { path } = finding;
  const sensitive =
    [before, after].some((side) => side !== undefined && isSensitive(finding, side)) ||
    [finding.live, finding.desired].some((value) => value !== undefined && moved(value));
  const show = (value: Value | undefined): Value => {
    if (value === undefined) return null;
    return sensitive ? `(sensitive ${shortSeal(hash, path, value)})` : value;
  };
  return {
    target: (after ?? before)?.name ?? "",
    path,
    before: show(finding.live),
    after: show(finding.desired),
    ...(sensitive ? { sensitive } : {}),
  };
}
