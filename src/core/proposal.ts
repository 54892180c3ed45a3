import type { Pointer } from "./pointer.js";

/** A setting that a pull request proposes: its live value as a hash, so that a proposal can be kept and compared. */
export type Proposed = Readonly<Record<Pointer, string>>;

/** What is remembered of a pull request between cycles. */
export interface Proposal {
  readonly settings: Proposed;
  /** Trueup itself set out to close it: that it is closed is nobody's decision. */
  readonly closing: boolean;
}

/** What the forge says of the pull request now; absent where none was ever opened, or it is forgotten. */
export type PullRequestState = "absent" | "open" | "merged" | "closed";

export interface ProposalInput {
  /** What of the live drift the policy proposes. */
  readonly drift: Proposed;
  readonly known: Proposal | undefined;
  readonly state: PullRequestState;
  /** Whether the environment's revision holds what was merged: until then its drift is still the one that was adopted. */
  readonly mergeSeen: boolean;
}

/** `revert`: the settings that a person decided to have as git says. What drifted otherwise since is proposed anew. */
export type ProposalStep =
  | { readonly do: "nothing" }
  | { readonly do: "open" | "update" }
  | { readonly do: "close" | "forget" }
  | { readonly do: "revert"; readonly settings: readonly Pointer[] };

/**
 * What shall come of a target's pull request in this cycle.
 *
 * | drift | pull request          | step    | why                                                                 |
 * |-------|-----------------------|---------|---------------------------------------------------------------------|
 * | none  | absent, unknown       | nothing |                                                                     |
 * | none  | absent, known         | forget  | the crash came before it was opened                                 |
 * | none  | open                  | close   | the drift is gone: a note says so                                   |
 * | none  | merged                | forget  | adopted, or healed meanwhile                                        |
 * | none  | closed                | forget  | reverted, or gone                                                   |
 * | some  | absent                | open    |                                                                     |
 * | same  | open                  | nothing | fifty cycles are one pull request                                   |
 * | other | open                  | update  |                                                                     |
 * | some  | merged, not seen      | nothing | the branch has it; the environment follows in its next cycle        |
 * | some  | merged, seen          | open    | it drifted again, or another way                                    |
 * | same  | closed                | revert  | a person said no                                                    |
 * | other | closed                | revert  | of what was proposed and still is so; the rest is proposed anew     |
 * | new   | closed                | open    | nothing of what was proposed is left                                |
 * | some  | closed by ourselves   | open    | it came back while we closed                                        |
 */
export function proposalStep({ drift, known, state, mergeSeen }: ProposalInput): ProposalStep {
  const any = Object.keys(drift).length > 0;
  if (!any) {
    if (state === "open") return { do: "close" };
    return known === undefined ? { do: "nothing" } : { do: "forget" };
  }
  switch (state) {
    case "absent":
      return { do: "open" };
    case "open":
      return known !== undefined && isSame(drift, known.settings) ? { do: "nothing" } : { do: "update" };
    case "merged":
      return mergeSeen ? { do: "open" } : { do: "nothing" };
    case "closed": {
      if (known === undefined || known.closing) return { do: "open" };
      const settings = Object.keys(drift).filter((path) => same(drift, known.settings, path));
      return settings.length === 0 ? { do: "open" } : { do: "revert", settings };
    }
  }
}

function same(a: Proposed, b: Proposed, path: Pointer): boolean {
  return Object.hasOwn(a, path) && Object.hasOwn(b, path) && a[path] === b[path];
}

function isSame(a: Proposed, b: Proposed): boolean {
  const paths = Object.keys(a);
  return paths.length === Object.keys(b).length && paths.every((path) => same(a, b, path));
}
