import type { Finding } from "../core/finding.js";
import { afterHeal, afterLook, type Flapping, type FlappingGuard, type Healed } from "../core/flapping.js";
import type { Pointer } from "../core/pointer.js";
import type { Hash } from "../core/same.js";
import { formatDuration } from "../lib/duration.js";
import type { Restraint } from "./restraint.js";
import { sealOf } from "./seal.js";

interface Seen {
  readonly findings: readonly Finding[];
  readonly guard: FlappingGuard;
  readonly hash: Hash;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What is remembered of heals after a look. The same object where nothing is. */
export function flappingAfterLook(flapping: Flapping, { findings, guard, hash, now }: Seen): Flapping {
  const states = Object.entries(flapping);
  if (states.length === 0) return flapping;
  const byPath = new Map(findings.map((finding) => [finding.path, finding]));
  return Object.fromEntries(
    states.flatMap(([path, state]): [Pointer, Healed][] => {
      const finding = byPath.get(path);
      const sealed = (value: Finding["live"]): string => sealOf(hash, path, value);
      const drifting = finding && { desired: sealed(finding.desired), live: sealed(finding.live) };
      const next = afterLook(state, { at: now, drifting }, guard);
      return next === undefined ? [] : [[path, next]];
    }),
  );
}

/** What is remembered after these settings were healed. */
export function flappingAfterHeals(
  flapping: Flapping,
  healed: readonly Finding[],
  options: Omit<Seen, "findings">,
): Flapping {
  if (healed.length === 0) return flapping;
  const { guard, hash, now } = options;
  const states = healed.map(({ path, desired }): [Pointer, Healed] => [
    path,
    afterHeal(stateOf(flapping, path), { at: now, desired: sealOf(hash, path, desired) }, guard),
  ]);
  return { ...flapping, ...Object.fromEntries(states) };
}

/** Notes that people hear of these settings: they drifted, and are left alone. */
export function flappingAfterTelling(flapping: Flapping, told: readonly Pointer[]): Flapping {
  const states = told.flatMap((path): [Pointer, Healed][] => {
    const state = stateOf(flapping, path);
    return state?.stopped === undefined ? [] : [[path, { ...state, stopped: { ...state.stopped, told: true } }]];
  });
  return states.length === 0 ? flapping : { ...flapping, ...Object.fromEntries(states) };
}

/** The settings of which people hear now, and did not before. */
export function newlyFlapping(before: Flapping, after: Flapping): readonly Pointer[] {
  return Object.entries(after)
    .filter(([path, { stopped }]) => stopped?.told === true && stateOf(before, path)?.stopped?.told !== true)
    .map(([path]) => path);
}

/** Lets no setting be healed whose heals are spent; people are told in its place. */
export function flappingRestraint(flapping: Flapping, { within }: FlappingGuard): Restraint {
  return ({ path }, actions) => {
    const state = stateOf(flapping, path);
    if (state?.stopped === undefined || !actions.includes("heal")) return undefined;
    return {
      why: "flapping",
      note: noteOf(state, within),
      actions: [...new Set([...actions.filter((action) => action !== "heal"), "alert" as const])],
    };
  };
}

function noteOf({ heals }: Healed, within: number): string {
  const times = heals.map((heal) => new Date(heal).toISOString().replace(/\.\d+Z$/, "Z"));
  const count = heals.length === 1 ? "once" : `${heals.length} times`;
  return (
    `healed ${count} (${times.join(", ")}) and drifted again: something else writes it. ` +
    `It is healed again when it stands still for ${formatDuration(within)}, or when git says something else`
  );
}

function stateOf(flapping: Flapping, path: Pointer): Healed | undefined {
  return Object.hasOwn(flapping, path) ? flapping[path] : undefined;
}
