import type { PullRequestState } from "./proposal.js";

/** How the revision that is to be promoted stands to the branch that it is to reach. */
export type Relation =
  /** The branch has all of it. */
  | "held"
  /** It can be brought in. */
  | "ahead"
  /** Both sides changed the same. */
  | "conflicting"
  /** There is nothing to begin from: a branch was made anew, or what it was brought from is gone. */
  | "unrelated"
  /** What a person did is in the way: to its branch, its pull request, or the branch that it comes from. */
  | "hindered";

/** What is remembered of a promotion between cycles. */
export interface Promotion {
  /** The commit that travels. */
  readonly revision: string;
  /** The tip of the branch that it is to reach, as it was when the promotion was last brought up to date. */
  readonly onto: string;
  /** Trueup itself set out to close its pull request: that it is closed is nobody's decision. */
  readonly closing: boolean;
}

export interface PromotionInput {
  /** The commit that policy or a person wants to travel; undefined where neither does. */
  readonly wanted: string | undefined;
  /** The tip of the branch that it is to reach. */
  readonly tip: string;
  readonly relation: Relation;
  readonly gates: "passed" | "pending" | "failed";
  /** `direct`: without a pull request. */
  readonly merge: "direct" | "pull-request";
  /** Whether Trueup merges the pull request once all gates have passed. */
  readonly auto: boolean;
  readonly known: Promotion | undefined;
  readonly pull: PullRequestState;
}

export type PromotionStep =
  "nothing" | "wait" | "open" | "update" | "merge" | "block" | "close" | "forget" | "declined";

/**
 * What shall come of a hop in this cycle.
 *
 * | wanted | relation            | pull request        | gates, merge          | step     | why                                            |
 * |--------|---------------------|---------------------|-----------------------|----------|------------------------------------------------|
 * | no     | any                 | open                |                       | close    | out of the order, or a person took it back     |
 * | no     | any                 | other, known        |                       | forget   |                                                |
 * | no     | any                 | other, unknown      |                       | nothing  |                                                |
 * | yes    | held                | open                |                       | close    | it arrived another way                         |
 * | yes    | held                | other, known        |                       | forget   | promoted                                       |
 * | yes    | held                | other, unknown      |                       | nothing  |                                                |
 * | yes    | conflicting         | any                 |                       | block    | a person merges, or back-ports                 |
 * | yes    | unrelated           | any                 |                       | block    |                                                |
 * | yes    | hindered            | any                 |                       | block    | until that person decides                      |
 * | yes    | ahead               | any                 | direct, passed        | merge    |                                                |
 * | yes    | ahead               | any                 | direct, other         | wait     |                                                |
 * | yes    | ahead               | absent              | pull request          | open     | it shows the gates, whatever they say          |
 * | yes    | ahead               | open                | passed, auto          | merge    |                                                |
 * | yes    | ahead               | open, same          | other                 | wait     | fifty cycles are one pull request              |
 * | yes    | ahead               | open, other         | other                 | update   | the revision, or the branch below it, moved    |
 * | yes    | ahead               | merged, same        | pull request          | wait     | the branch follows in the next cycle           |
 * | yes    | ahead               | merged, other       | pull request          | open     | that was an earlier one                        |
 * | yes    | ahead               | closed, same        | pull request          | declined | a person said no, until the revision moves     |
 * | yes    | ahead               | closed, other       | pull request          | open     |                                                |
 * | yes    | ahead               | closed by ourselves | pull request          | open     | it is wanted again                             |
 *
 * `same`: the revision and the tip are those of the pull request. For `closed` the revision alone counts: who declines it,
 * declines it wherever the branch moves; for `merged` the tip alone: it has not followed yet.
 */
export function promotionStep(input: PromotionInput): PromotionStep {
  const { wanted, tip, relation, gates, merge, auto, known, pull } = input;
  if (wanted === undefined || relation === "held") {
    if (pull === "open") return "close";
    return known === undefined ? "nothing" : "forget";
  }
  if (relation !== "ahead") return "block";
  if (merge === "direct") return gates === "passed" ? "merge" : "wait";
  switch (pull) {
    case "absent":
      return "open";
    case "open":
      if (gates === "passed" && auto) return "merge";
      return known?.revision === wanted && known.onto === tip ? "wait" : "update";
    case "merged":
      return known?.onto === tip ? "wait" : "open";
    case "closed":
      return known?.revision === wanted && !known.closing ? "declined" : "open";
  }
}
