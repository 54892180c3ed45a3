import { compare, type Comparison } from "../core/compare.js";
import { TrueupError } from "../core/errors.js";
import type { Flapping } from "../core/flapping.js";
import { countLoss, lossRefusal } from "../core/guards.js";
import { listScope } from "../core/lists.js";
import type { Hash } from "../core/same.js";
import type { Pointer } from "../core/pointer.js";
import type { Document } from "../core/value.js";
import type { Observation } from "../core/change.js";
import { pointerGlobs } from "../lib/glob.js";
import { bounded } from "../lib/timeout.js";
import type { IgnoreRule } from "../render/environment-file.js";
import type { ReadyTarget, RenderedEnvironment } from "../render/rendered.js";
import type { Target } from "../targets/target.js";
import { flappingAfterLook, flappingAfterTelling, flappingRestraint } from "./flapping.js";
import { judge, type Judged, type Memo } from "./judge.js";
import type { Restraint } from "./restraint.js";

/** What is remembered of a target between passes: see `memory.ts`. */
export interface Memory {
  /** Sealed; undefined before first contact. */
  readonly lastApplied: Document | undefined;
  readonly memo: Memo;
  /** Settings whose open finding is sensitive: they stay so when git, and last applied, no longer say why. */
  readonly sensitive: ReadonlySet<Pointer>;
  /** How many settings that the live document lost a person has said to be lost. */
  readonly confirmedLoss: number;
  /** The heals of late, by setting. */
  readonly flapping: Flapping;
}

export interface LookOptions {
  readonly environment: RenderedEnvironment;
  readonly target: ReadyTarget;
  readonly opened: Target;
  readonly memory: Memory;
  readonly hash: Hash;
  readonly restraints?: readonly Restraint[];
  readonly now: Date;
}

/** The target as it was found: what is live, what should be, and what the policy says of the difference. */
export interface Look {
  readonly observation: Observation;
  readonly comparison: Comparison;
  readonly judged: readonly Judged[];
  /** Settings that last applied knows and the live document no longer holds. */
  readonly lost: number;
  readonly flapping: Flapping;
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
  const ignore = inForce(target.ignore, options.now);
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
  const lost = lossIn(options, comparison, observation.document);
  const { findings } = comparison;
  const { flapping: guard } = environment.policy.guards;
  const flapping = flappingAfterLook(memory.flapping, { findings, guard, hash, now: options.now.getTime() });
  const judged = judge(findings, {
    ...{ environment, target, hash, memo: memory.memo, known: memory.sensitive },
    // A person's decision to hold comes first: what is held has no need to be told of.
    restraints: [...(options.restraints ?? []), flappingRestraint(flapping, guard)],
  });
  const told = judged.filter(({ restrained }) => restrained === "flapping").map(({ finding }) => finding.path);
  return { observation, comparison, judged, lost, flapping: flappingAfterTelling(flapping, told) };
}

/** @throws GUARD_REFUSED where more is gone than a person has confirmed */
function lossIn({ environment, target, memory }: LookOptions, { findings }: Comparison, live: Document): number {
  // What is gone and has no finding is gone from git, too.
  if (memory.lastApplied === undefined || !findings.some((finding) => finding.live === undefined)) return 0;
  const { known, lost } = countLoss(memory.lastApplied, live, listScope(target.lists));
  const loss = { target: target.name, known, lost, confirmed: memory.confirmedLoss };
  const refusal = lossRefusal(loss, environment.policy.guards);
  if (refusal === undefined) return lost;
  throw new TrueupError("GUARD_REFUSED", `${refusal}; the read is not believed, and nothing is written`, {
    hint:
      `if they are really gone, say so with \`trueup sync ${environment.name} --confirm\`; ` +
      `a policy can accept it always (guards.acceptLoss: [${target.name}])`,
  });
}

function inForce(rules: readonly IgnoreRule[], now: Date): readonly IgnoreRule[] {
  const today = now.toISOString().slice(0, 10);
  return rules.filter(({ until }) => until === undefined || today <= until);
}
