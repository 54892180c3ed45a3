import { compare } from "../core/compare.js";
import type { Finding } from "../core/finding.js";
import type { Hash } from "../core/same.js";
import { emptyMap, type Value } from "../core/value.js";
import { isSensitive } from "../reconcile/judge.js";
import { shortSeal } from "../reconcile/seal.js";
import type { ReadyTarget, RenderedEnvironment } from "../render/rendered.js";
import type { Difference } from "./report.js";

/** What an environment's desired documents have differently in two renderings, target by target. Targets that do not load are left out. */
export function differences(
  before: RenderedEnvironment | undefined,
  after: RenderedEnvironment,
  hash: Hash,
): readonly Difference[] {
  const [old, now] = [readyTargets(before), readyTargets(after)];
  const names = new Set([...old.keys(), ...now.keys()]);
  return [...names].flatMap((name) => ofTarget({ before: old.get(name), after: now.get(name), hash }));
}

function readyTargets(environment: RenderedEnvironment | undefined): ReadonlyMap<string, ReadyTarget> {
  return new Map((environment?.targets ?? []).flatMap((target) => ("error" in target ? [] : [[target.name, target]])));
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
  return findings.map((finding) => shown(finding, { before, after, hash }));
}

function shown(finding: Finding, { before, after, hash }: Sides): Difference {
  const { path } = finding;
  const sensitive = [before, after].some((side) => side !== undefined && isSensitive(finding, side));
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
