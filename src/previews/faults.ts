import { formatPlace, TrueupError } from "../core/errors.js";
import type { Fault } from "./preview.js";
import type { Rendering } from "./rendering.js";

/** One state of an environment, held against its rules twice: without secrets for what is said, with them for what is right. */
export interface Judged {
  readonly said: Rendering;
  /** Only where secrets are taken. */
  readonly real: Rendering | undefined;
}

/** What is wrong after, and whether it was before; and what was wrong and is no more. */
export function compareFaults(
  before: Judged,
  after: Judged,
): { readonly faults: readonly Fault[]; readonly mended: readonly string[] } {
  const [old, now] = [faultsOf(before), faultsOf(after)];
  const faults = [...now].map(([target, error]) => ({
    ...(target === "" ? {} : { target }),
    ...faultOf(error, old.get(target)),
  }));
  // An environment that does not load at all says nothing of its targets.
  const mended = now.has("") ? [] : [...old.keys()].filter((target) => !now.has(target));
  return { faults, mended };
}

/** @param before the same, where it was so before */
export function faultOf({ message, where, hint }: TrueupError, before: TrueupError | undefined): Fault {
  return {
    message,
    ...(where === undefined ? {} : { where: formatPlace(where) }),
    ...(hint === undefined ? {} : { hint }),
    already: before?.message === message,
  };
}

/** Rules and schemas judge the secrets themselves: what a word in their place breaks is broken only if they break it, too. */
function faultsOf({ said, real }: Judged): ReadonlyMap<string, TrueupError> {
  if (real === undefined) return said.faults;
  return new Map(
    [...real.faults].map(([target, error]) => {
      const other = said.faults.get(target);
      const isSafe = other?.message === error.message || error.code === "SECRET_MISSING";
      return [target, isSafe ? error : withoutWords(error)];
    }),
  );
}

function withoutWords({ code, where }: TrueupError): TrueupError {
  return new TrueupError(code, "its secrets, once they are filled in, break a rule or its schema", {
    where,
    hint: "`trueup validate` says which, where the controller runs",
  });
}
