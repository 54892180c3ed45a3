import type { Pointer } from "./pointer.js";

/** So many heals of one setting `within` a time (milliseconds) are enough: something else keeps writing it. */
export interface FlappingGuard {
  readonly heals: number;
  readonly within: number;
}

/** What is remembered of a setting that was healed. Values are keyed hashes, instants are milliseconds since 1970. */
export interface Healed {
  /** What the heals wrote. */
  readonly desired: string;
  /** When, oldest first. */
  readonly heals: readonly number[];
  /** The heals are spent, and the setting is left alone. */
  readonly stopped?: Stopped;
}

export interface Stopped {
  /** When the live value was last seen to move. */
  readonly moved: number;
  /** The live value as last seen; null while it was in sync. */
  readonly live: string | null;
  /** It drifted since it is left alone, and people were told. */
  readonly told: boolean;
}

export type Flapping = Readonly<Record<Pointer, Healed>>;

/** What a pass saw of a setting that differs. */
export interface Drifting {
  readonly desired: string;
  readonly live: string;
}

/*
 * | state    | seen                                               | then                     | may be healed |
 * |----------|----------------------------------------------------|--------------------------|---------------|
 * | none     | anything                                           | none                     | yes           |
 * | any      | another desired value: git said something else     | none                     | yes           |
 * | counting | the last heal is `within` ago                      | none                     | yes           |
 * | counting | anything else                                      | counting                 | yes           |
 * | stopped  | it did not move for `within`                       | none: re-armed           | yes           |
 * | stopped  | it moved, be it back to the desired value          | stopped, moved now       | no            |
 * | stopped  | it stands still                                    | stopped                  | no            |
 *
 * | state    | healed                                             | then                     |
 * |----------|----------------------------------------------------|--------------------------|
 * | none     |                                                    | counting one             |
 * | counting | fewer than `heals` within `within`                 | counting one more        |
 * | counting | `heals` within `within`                            | stopped, moved now       |
 * | stopped  | by a person: nobody else may                       | counting one             |
 *
 * Where one heal is enough (`heals: 1`), "counting one" is "stopped".
 */

/** How a look leaves a setting; `drifting` is undefined where it is in sync. */
export function afterLook(
  state: Healed,
  { at, drifting }: { at: number; drifting: Drifting | undefined },
  { within }: FlappingGuard,
): Healed | undefined {
  const { desired, heals, stopped } = state;
  if (drifting !== undefined && drifting.desired !== desired) return undefined;
  const quietSince = stopped?.moved ?? heals.at(-1) ?? 0;
  if (at - quietSince >= within) return undefined;
  const live = drifting?.live ?? null;
  if (stopped === undefined || stopped.live === live) return state;
  return { ...state, stopped: { ...stopped, live, moved: at } };
}

/** How a heal that went well leaves a setting. */
export function afterHeal(
  state: Healed | undefined,
  { at, desired }: { at: number; desired: string },
  guard: FlappingGuard,
): Healed {
  const counted = state?.desired === desired && state.stopped === undefined ? state.heals : [];
  const heals = [...counted.filter((heal) => at - heal < guard.within), at];
  if (heals.length < guard.heals) return { desired, heals };
  return { desired, heals, stopped: { moved: at, live: null, told: false } };
}
