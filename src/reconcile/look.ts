import { compare, type Comparison } from "../core/compare.js";
import { TrueupError } from "../core/errors.js";
import { lossRefusal } from "../core/guards.js";
import type { Hash } from "../core/same.js";
import { type Document, isMap, type Value } from "../core/value.js";
import type { Observation } from "../core/change.js";
import { pointerGlobs } from "../lib/glob.js";
import { bounded } from "../lib/timeout.js";
import type { IgnoreRule } from "../render/environment-file.js";
import type { ReadyTarget, RenderedEnvironment } from "../render/rendered.js";
import type { Target } from "../targets/target.js";
import { judge, type Judged, type Memo } from "./judge.js";

/** What is remembered of a target between passes: see `record.ts`. */
export interface Memory {
  /** Sealed; undefined before first contact. */
  readonly lastApplied: Document | undefined;
  readonly memo: Memo;
  /** A person has said that what the live document lost is lost. */
  readonly lossConfirmed: boolean;
}

export interface LookOptions {
  readonly environment: RenderedEnvironment;
  readonly target: ReadyTarget;
  readonly opened: Target;
  readonly memory: Memory;
  readonly hash: Hash;
  /** Today, for ignores that have an end: `YYYY-MM-DD`. */
  readonly today: string;
}

/** The target as it was found: what is live, what should be, and what the policy says of the difference. */
export interface Look {
  readonly observation: Observation;
  readonly comparison: Comparison;
  readonly judged: readonly Judged[];
  /** Settings that last applied knows and the live document no longer holds. */
  readonly lost: number;
}

/**
 * Reads the live side and compares. Changes nothing.
 * @throws TrueupError: the live side is unknown, or, `DOCUMENT_UNREPRESENTABLE` and the like, git's document cannot be held
 */
export async function look(options: LookOptions, signal: AbortSignal): Promise<Look> {
  const { environment, target, opened, memory, hash } = options;
  const managed = new Set([...Object.keys(target.document), ...Object.keys(memory.lastApplied ?? {})]);
  const what = `${environment.name}/${target.name} did not answer`;
  const observation = await bounded((stop) => opened.observe(managed, stop), {
    milliseconds: target.timeout,
    signal,
    what,
  });
  const ignore = inForce(target.ignore, options.today);
  const comparison = compare({
    lastApplied: memory.lastApplied,
    desired: opened.normalize(target.document),
    live: observation.document,
    lists: target.lists,
    prune: environment.prune && opened.capabilities.prune,
    exclusive: target.exclusive && opened.capabilities.prune,
    ...(ignore.length === 0 ? {} : { ignored: pointerGlobs(ignore.map(({ path }) => path)) }),
    hash,
  });
  const lost = comparison.findings.filter(
    ({ lastApplied, live }) => lastApplied !== undefined && live === undefined,
  ).length;
  if (!memory.lossConfirmed) guardAgainstLoss(options, lost);
  return {
    observation,
    comparison,
    judged: judge(comparison.findings, { environment, target, memo: memory.memo, hash }),
    lost,
  };
}

function guardAgainstLoss({ environment, target, memory }: LookOptions, lost: number): void {
  const known = settings(memory.lastApplied);
  const refusal = lossRefusal({ target: target.name, known, lost }, environment.policy.guards);
  if (refusal === undefined) return;
  throw new TrueupError("GUARD_REFUSED", `${refusal}; the read is not believed, and nothing is written`, {
    hint:
      `if they are really gone, say so with \`trueup sync ${environment.name} --confirm\`; ` +
      `a policy can accept it always (guards.acceptLoss: [${target.name}])`,
  });
}

function inForce(rules: readonly IgnoreRule[], today: string): readonly IgnoreRule[] {
  return rules.filter(({ until }) => until === undefined || today <= until);
}

function settings(value: Value | undefined): number {
  if (value === undefined) return 0;
  if (!isMap(value)) return 1;
  return Object.values(value).reduce<number>((sum, item) => sum + settings(item), 0);
}
