/** The order in which the targets of an environment get a revision. Checked: names exist, nothing waits for itself. */
export interface Rollout {
  /** By target, those that come before it. */
  readonly dependsOn: ReadonlyMap<string, readonly string[]>;
  /** In order; each target is in one of them. Empty: only what targets depend on counts, and no revision fails. */
  readonly groups: readonly RolloutGroup[];
  /** So long, in milliseconds, a group's probes may be unhealthy or a target of it may fail. */
  readonly probeTimeout: number;
}

export interface RolloutGroup {
  readonly name: string;
  readonly targets: readonly string[];
  /** Names of trueup.yaml. */
  readonly probes: readonly string[];
}

/** How a target stands to the revision. `drifted`: it has it, and differs otherwise. `failed`: it was tried. */
export type Standing = "in sync" | "drifted" | "failed" | "behind";

export interface RolloutFacts {
  readonly standing: (target: string) => Standing;
  /** The groups whose probes were healthy at this revision. */
  readonly healthy: ReadonlySet<string>;
}

/** What a target waits for before it gets the revision, as a person reads it; undefined: it is its turn. */
export function waitsFor(target: string, rollout: Rollout, { standing, healthy }: RolloutFacts): string | undefined {
  const needed = rollout.dependsOn.get(target)?.find((name) => standing(name) !== "in sync");
  if (needed !== undefined) return needed;
  for (const { name, targets, probes } of rollout.groups) {
    if (targets.includes(target)) return undefined;
    const behind = targets.find((one) => standing(one) !== "in sync");
    if (behind !== undefined) return `${behind}, of the group ${name}`;
    if (probes.length > 0 && !healthy.has(name)) return `the probes of the group ${name}`;
  }
  return undefined;
}

export type RolloutStep =
  /** All groups have the revision, and are healthy. */
  | { readonly step: "done" }
  /** Nothing to do but to look again. */
  | { readonly step: "wait" }
  /** The group has the revision: ask its probes. One of its targets may have drifted. */
  | { readonly step: "probe"; readonly group: RolloutGroup; readonly drifted: string | undefined }
  /** A target of the group fails: it is tried again until the time is over. */
  | { readonly step: "trouble"; readonly group: RolloutGroup; readonly target: string };

/**
 * How far a revision has come, by the first group that is not done.
 *
 * | its targets                         | its probes    | step    |
 * |-------------------------------------|---------------|---------|
 * | one failed                          | any           | trouble |
 * | one behind, none failed             | any           | wait    |
 * | one drifted, none behind or failed  | not yet asked | probe   |
 * | one drifted, none behind or failed  | none          | wait    |
 * | one drifted, none behind or failed  | healthy       | wait    |
 * | all in sync                         | not yet asked | probe   |
 * | all in sync                         | none          | done    |
 * | all in sync                         | healthy       | done    |
 *
 * `done`: the next group is looked at; after the last, the rollout is over. Drift holds up what comes after, but is no reason to
 * let a revision that does harm stay.
 */
export function rolloutStep({ groups }: Rollout, { standing, healthy }: RolloutFacts): RolloutStep {
  for (const group of groups) {
    const target = group.targets.find((name) => standing(name) === "failed");
    if (target !== undefined) return { step: "trouble", group, target };
    if (group.targets.some((name) => standing(name) === "behind")) return { step: "wait" };
    const drifted = group.targets.find((name) => standing(name) === "drifted");
    if (group.probes.length > 0 && !healthy.has(group.name)) return { step: "probe", group, drifted };
    if (drifted !== undefined) return { step: "wait" };
  }
  return { step: "done" };
}

/** Targets of groups, in the order in which they get a revision: those of a wave when those of the waves before have it. */
export type Waves = readonly (readonly string[])[];

/** The waves of a rollout in which nothing waits for itself. */
export function wavesOf(rollout: Order): Waves {
  const known = new Map<string, number>();
  const waveOf = (target: string): number => {
    const wave = known.get(target) ?? Math.max(0, ...before(target, rollout).map((other) => waveOf(other) + 1));
    known.set(target, wave);
    return wave;
  };
  const waves: string[][] = [];
  for (const target of rollout.groups.flatMap(({ targets }) => targets)) (waves[waveOf(target)] ??= []).push(target);
  return waves;
}

/**
 * What a target waits for before it is restored; undefined: it is its turn. What got the revision last goes back first: a switch
 * is back before what it leads to is overwritten.
 * @param isToCome whether a target may have something to be restored yet
 */
export function restoredAfter(target: string, waves: Waves, isToCome: (target: string) => boolean): string | undefined {
  const own = waves.findIndex((wave) => wave.includes(target));
  return own < 0
    ? undefined
    : waves
        .slice(own + 1)
        .flat()
        .findLast(isToCome);
}

type Order = Pick<Rollout, "dependsOn" | "groups">;

/** The targets that a target waits for itself; those wait for others. */
function before(target: string, { dependsOn, groups }: Order): readonly string[] {
  const own = groups.findIndex(({ targets }) => targets.includes(target));
  // The group just before is enough: that one waits for those before it.
  const previous = groups.slice(0, Math.max(own, 0)).findLast(({ targets }) => targets.length > 0);
  return [...(dependsOn.get(target) ?? []), ...(previous?.targets ?? [])];
}

/** The targets on a way from one to itself, the first at both ends; undefined where nothing waits for itself. */
export function circle(rollout: Order): readonly string[] | undefined {
  const clear = new Set<string>();
  const visit = (target: string, way: readonly string[]): readonly string[] | undefined => {
    if (way.includes(target)) return [...way.slice(way.indexOf(target)), target];
    if (clear.has(target)) return undefined;
    for (const next of before(target, rollout)) {
      const found = visit(next, [...way, target]);
      if (found !== undefined) return found;
    }
    clear.add(target);
    return undefined;
  };
  for (const target of rollout.dependsOn.keys()) {
    const found = visit(target, []);
    if (found !== undefined) return found;
  }
  return undefined;
}
