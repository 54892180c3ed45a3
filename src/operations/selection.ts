import { TrueupError } from "../core/errors.js";
import { suggestion } from "../lib/suggest.js";
import type { Session } from "../reconcile/session.js";

/** What `dev prod/settings` selects: environments, each with the targets that were named, or all of them. */
export type Selection = ReadonlyMap<string, readonly string[] | undefined>;

/** @throws TrueupError USAGE for an environment that trueup.yaml does not name */
export function select(session: Session, words: readonly string[]): Selection {
  const known = [...session.config.environments.keys()];
  if (words.length === 0) return new Map(known.map((name) => [name, undefined]));
  const selection = new Map<string, readonly string[] | undefined>();
  for (const word of words) {
    const [name = "", target] = word.split("/", 2);
    if (!known.includes(name)) {
      throw new TrueupError("USAGE", `trueup.yaml names no environment \`${name}\``, { hint: suggestion(name, known) });
    }
    const before = selection.get(name);
    const all = target === undefined || (selection.has(name) && before === undefined);
    selection.set(name, all ? undefined : [...(before ?? []), target]);
  }
  return selection;
}
