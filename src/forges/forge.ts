/** What a pull request says. Text is Markdown; whoever wrote it has escaped what comes from outside. */
export interface PullRequestContent {
  readonly title: string;
  readonly body: string;
  readonly labels: readonly string[];
}

export interface PullRequest {
  readonly number: number;
  readonly url: string;
  readonly title: string;
  readonly body: string;
  /** `closed`: without being merged, which is a decision. */
  readonly state: "open" | "merged" | "closed";
  /** Who merged or closed it, where the forge tells. */
  readonly decidedBy?: string;
}

/** A comment that begins with `/trueup`, by someone who may write to the repository. */
export interface Command {
  readonly id: string;
  readonly author: string;
  /** The first line without `/trueup`; may be empty. */
  readonly text: string;
  /** ISO 8601. */
  readonly at: string;
}

/**
 * Where people decide on drift. A pull request is known by its head branch, which is in the repository itself: one from a
 * fork, whatever its branch is called, is never seen.
 *
 * Errors are TrueupErrors without a credential: DELIVERY_FAILED (may pass; `retryAfter` where the forge asked for patience),
 * DELIVERY_REFUSED (the account or the request is refused).
 */
export interface Forge {
  /** For people: `github`. */
  readonly name: string;
  /** The newest pull request of that head branch, open or decided. */
  find(head: string, signal: AbortSignal): Promise<PullRequest | undefined>;
  /** Opens one, or finds the open one that is there: never a second. Reviewers who may not review are left out. */
  open(request: OpenRequest, signal: AbortSignal): Promise<PullRequest>;
  /** Puts content, comment and closing to it, in this order; what is left out stays. */
  update(number: number, update: PullRequestUpdate, signal: AbortSignal): Promise<void>;
  /** The page with the history of a file (relative to the repository's top) on that branch; absent where there is none. */
  historyOf?(branch: string, file: string): string;
  /** Commands since then (ISO 8601) without those that have an answer, oldest first. Absent where nobody can comment. */
  commands?(number: number, since: string, signal: AbortSignal): Promise<readonly Command[]>;
}

export interface OpenRequest extends PullRequestContent {
  readonly head: string;
  readonly base: string;
  /** Logins, and `org/team` for teams. */
  readonly reviewers: readonly string[];
}

export interface PullRequestUpdate {
  readonly content?: PullRequestContent;
  readonly comment?: string;
  /** The id of the command that the comment answers: `commands` does not give it again. */
  readonly answers?: string;
  readonly close?: true;
  /** Its base says the same by now: a forge that cannot tell by itself calls it merged. */
  readonly merged?: true;
}
