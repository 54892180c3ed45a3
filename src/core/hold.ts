import type { Pointer } from "./pointer.js";

/** What a hold covers, and until when. */
export interface Held {
  /** `""` is the whole target. */
  readonly path: Pointer;
  /** An instant as `Date.toISOString()` writes it: those compare as texts. */
  readonly until: string;
}

/**
 * The hold that covers a finding; of several the one that ends last. A finding at the held path or below it is covered, and
 * one above it, too: writing a whole map would write the held setting in it.
 */
export function holdOf<Hold extends Held>(path: Pointer, holds: readonly Hold[]): Hold | undefined {
  return holds
    .filter((hold) => isWithin(path, hold.path) || isWithin(hold.path, path))
    .reduce<Hold | undefined>((last, hold) => (last === undefined || hold.until > last.until ? hold : last), undefined);
}

function isWithin(inner: Pointer, outer: Pointer): boolean {
  return inner === outer || inner.startsWith(`${outer}/`);
}
