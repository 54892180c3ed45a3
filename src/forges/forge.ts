import type { Approvals, CheckState } from "../core/gate.js";

/**
 * How requests follow one another: with the pauses that a forge for all the world asks of programs, or without, for one that is
 * there for a single test. Not for trueup.yaml: whoever writes that has no such forge.
 */
export type Pace = "polite" | "none";

/**
 * What a pull request says. Text is Markdown; whoever wrote it has escaped what comes from outside. This, and a comment, is cut to
 * what the forge takes, by whole lines.
 */
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
  /** The branch that it is to be merged into, which people may change; absent where the forge keeps none. */
  readonly base?: string;
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
  /** Absent where it keeps nothing about commits. */
  readonly revisions?: RevisionForge;
  /** Absent where people open no pull requests. */
  readonly conversations?: ConversationForge;
}

/** What a forge knows of commits, and is told of them. Errors are as for `Forge`. */
export interface RevisionForge {
  /**
   * Who approves the pull request as it is at that commit: people who may write to the repository, by the newest word of each;
   * never who opened it. Empty where its head is another commit.
   */
  approvals(number: number, asked: ApprovalQuery, signal: AbortSignal): Promise<Approvals>;
  /** By name; of two of one name the newest. */
  checks(commit: string, signal: AbortSignal): Promise<ReadonlyMap<string, CheckState>>;
  /** Puts a status to a commit that the forge has: the newest of a context counts there. */
  status(commit: string, status: CommitStatus, signal: AbortSignal): Promise<void>;
  /** Merges the pull request if its head is that commit; otherwise, or where the forge does not let it, says why not. */
  merge(number: number, commit: string, signal: AbortSignal): Promise<{ readonly refused?: string }>;
  /** One for each environment and commit, however often it is told: its state changes, but does not go back from `success` to `in_progress`. */
  deployment(deployment: Deployment, signal: AbortSignal): Promise<void>;
}

/** What a forge knows of everybody's pull requests, and what Trueup itself says there. Errors are as for `Forge`. */
export interface ConversationForge {
  /** All that are open, those from forks, too. */
  open(signal: AbortSignal): Promise<readonly OpenPullRequest[]>;
  /** Whether somebody may write to the repository. */
  mayWrite(login: string, signal: AbortSignal): Promise<boolean>;
  /** Puts Trueup's one comment of that kind to a pull request: what is there is edited, and never is there a second. */
  say(number: number, comment: OwnComment, signal: AbortSignal): Promise<void>;
  /** The newest status of that context on a commit, where Trueup itself put it. */
  told(commit: string, context: string, signal: AbortSignal): Promise<CommitStatus | undefined>;
}

export interface OpenPullRequest {
  readonly number: number;
  /** The branch that it is to be merged into. */
  readonly base: string;
  /** The commit that it brings now. */
  readonly commit: string;
  /** The reference of the repository that leads to that commit, whatever branch or fork it is of. */
  readonly ref: string;
  /** Its branch, where that is in the repository itself; absent: it is of a fork, where others may write. */
  readonly branch?: string;
  /** Whose fork it is; absent where that is gone. */
  readonly forkedBy?: string;
}

export interface OwnComment {
  /** By which it is known again, among Trueup's own: a word. */
  readonly kind: string;
  readonly text: string;
  /** Whether it is written where there is none. */
  readonly add: boolean;
}

export interface ApprovalQuery {
  readonly commit: string;
  /** `org/team` */
  readonly teams: readonly string[];
}

export interface CommitStatus {
  /** `trueup/prod` */
  readonly context: string;
  readonly state: "pending" | "success" | "failure";
  /** Cut to what the forge takes. */
  readonly description: string;
}

export interface Deployment {
  readonly environment: string;
  readonly commit: string;
  readonly state: "in_progress" | "success" | "failure";
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
