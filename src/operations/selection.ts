import { TrueupError } from "../core/errors.js";
import type { Pointer } from "../core/pointer.js";
import { pointerGlobs } from "../lib/glob.js";
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

/** What `prod` or `prod/settings` selects. @throws as `select` does */
export function selectOne(session: Session, word: string): { name: string; targets: readonly string[] | undefined } {
  const [selected] = select(session, [word]);
  if (selected === undefined) throw new TrueupError("USAGE", "name an environment");
  const [name, targets] = selected;
  return { name, targets };
}

/** What `prod/settings` names; `hint` is for who names no target. @throws as `select` does */
export function selectTarget(session: Session, word: string, hint: string): { environment: string; target: string } {
  const { name: environment, targets: [target] = [] } = selectOne(session, word);
  if (target !== undefined && target !== "") return { environment, target };
  throw new TrueupError("USAGE", `\`${word}\` names no target`, { hint: `write ${environment}/TARGET; ${hint}` });
}

/** Whether a setting is at or below a pointer or glob; every one without it. @throws TrueupError USAGE */
export function settingsIn(path: string | undefined): (pointer: Pointer) => boolean {
  if (path === undefined) return () => true;
  if (path.startsWith("/")) return pointerGlobs([path]);
  throw new TrueupError("USAGE", `\`${path}\` is not a setting`, {
    hint: `settings are JSON Pointers: write /${path}`,
  });
}

/** A person named a setting, and nothing there has drifted. */
export function noDrift(word: string, path: string): TrueupError {
  return new TrueupError("USAGE", `nothing at ${path} of ${word} has drifted`, {
    hint: `\`trueup diff ${word}\` lists what differs; what is pending is git's own news`,
  });
}
