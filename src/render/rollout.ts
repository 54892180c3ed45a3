import { circle, type Rollout, type RolloutGroup } from "../core/rollout.js";
import { TrueupError } from "../core/errors.js";
import { suggestion } from "../lib/suggest.js";
import type { EnvironmentFile } from "./environment-file.js";

/** Every target that no other group names. */
const OTHERS = "*";

/**
 * In which order the environment's targets get a revision; undefined: all at once.
 * @param probes the names that trueup.yaml gives the environment
 * @throws TrueupError ENVIRONMENT_INVALID for a name that is not there, and for what would wait for itself
 */
export function readRollout(file: EnvironmentFile, probes: readonly string[]): Rollout | undefined {
  const { targets, rollout, source } = file;
  const names = [...targets.keys()];
  const dependsOn = new Map<string, readonly string[]>();
  for (const [name, { common }] of targets) {
    for (const [index, needed] of common.dependsOn.entries()) {
      if (names.includes(needed)) continue;
      throw invalid(file, ["targets", name, "dependsOn", index], `there is no target \`${needed}\``, {
        hint: suggestion(needed, names),
      });
    }
    if (common.dependsOn.length > 0) dependsOn.set(name, common.dependsOn);
  }
  const groups = groupsOf(file, names);
  for (const [index, group] of groups.entries()) {
    const [unknown] = group.probes.filter((probe) => !probes.includes(probe));
    if (unknown === undefined) continue;
    const at = ["rollout", "groups", index, "probes", group.probes.indexOf(unknown)];
    throw invalid(file, at, `trueup.yaml gives this environment no probe \`${unknown}\``, {
      hint: suggestion(unknown, probes),
    });
  }
  if (dependsOn.size === 0 && groups.length === 0) return undefined;
  const way = circle({ dependsOn, groups });
  if (way !== undefined) {
    throw new TrueupError("ENVIRONMENT_INVALID", `targets wait for each other: ${way.join(" → ")}`, {
      where: source.place(["targets", way.find((name) => dependsOn.has(name)) ?? "", "dependsOn"]),
      hint: "a target waits for those that it depends on, and for the groups before its own",
    });
  }
  return { dependsOn, groups, probeTimeout: rollout?.probeTimeout ?? 0 };
}

function groupsOf(file: EnvironmentFile, names: readonly string[]): readonly RolloutGroup[] {
  const declared = file.rollout?.groups ?? [];
  const taken = new Map<string, string>();
  for (const [index, { name, targets }] of declared.entries()) {
    const at = ["rollout", "groups", index];
    if (declared.findIndex((other) => other.name === name) < index) {
      throw invalid(file, [...at, "name"], `two groups are called \`${name}\``);
    }
    for (const [position, target] of targets.entries()) {
      if (target !== OTHERS && !names.includes(target)) {
        throw invalid(file, [...at, "targets", position], `there is no target \`${target}\``, {
          hint: suggestion(target, [...names, OTHERS]),
        });
      }
      const other = taken.get(target);
      if (other !== undefined) {
        const what = target === OTHERS ? "all other targets are" : `the target \`${target}\` is`;
        throw invalid(file, [...at, "targets", position], `${what} in the group \`${other}\` already`);
      }
      taken.set(target, name);
    }
  }
  const rest = names.filter((name) => !taken.has(name));
  return declared.map(({ name, targets, probes }, index) => {
    const takesRest = targets.includes(OTHERS) || (!taken.has(OTHERS) && index === declared.length - 1);
    return { name, targets: [...targets.filter((one) => one !== OTHERS), ...(takesRest ? rest : [])], probes };
  });
}

function invalid(
  { source }: EnvironmentFile,
  at: readonly (string | number)[],
  message: string,
  { hint }: { hint?: string } = {},
): TrueupError {
  return new TrueupError("ENVIRONMENT_INVALID", message, { where: source.place(at), hint });
}
