import type { z } from "zod";
import type { CheckedFile } from "../../config/checked.js";
import type { Approvals, CheckState, GateVerdict } from "../../core/gate.js";
import type { Severity } from "../../core/policy.js";
import type { ProbeResult } from "../../probes/probe.js";

/** A condition on a revision that is to reach an environment. Every implementation passes `test/contract/gate.ts`. */
export interface Gate {
  /** As it is shown, waived and, on a forge, reported. */
  readonly name: string;
  /** Whose word it waits for: logins, and `@org/team`. They are asked to review the promotion's pull request. */
  readonly people?: readonly string[];
  /**
   * Judges the revision by facts. What cannot be known now is `pending`, never `failed`: a transient error ends no promotion.
   * Throws only the signal's reason.
   */
  check(facts: Facts, signal: AbortSignal): Promise<GateVerdict>;
}

/** One kind of gate: `- <kind>: <spec>` in policies/promotion.yaml, with a `name` where two of a kind are to be told apart. */
export interface GateKind<Spec = unknown> {
  readonly kind: string;
  readonly schema: z.ZodType<Spec>;
  /** As it is written, for who wrote it otherwise. */
  readonly example: string;
  /** @throws TrueupError POLICY_INVALID with the place */
  open(spec: Spec, at: GatePlace): Promise<Gate> | Gate;
}

/** Where the gate's spec stands in the file. */
export interface GatePlace {
  readonly source: CheckedFile;
  readonly path: readonly (string | number)[];
}

/** What gates may know of a promotion. What is costly is asked for. */
export interface Facts {
  readonly from: string;
  readonly to: string;
  /** The commit that is to travel. */
  readonly revision: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** How the environment that it comes from stands to that revision. */
  readonly source: SourceFacts;
  /** When the newest drift at or above the severity in the source environment ended, since then; `open` where one has not. */
  lastDrift(severity: Severity, since: number): Promise<number | "open" | undefined>;
  /** Who approved this very revision. @param teams `org/team`: which of these they are in is looked up */
  approvals(teams: readonly string[]): Promise<Approvals>;
  /** What is said of the commit on the forge, by name; undefined where there is no forge to ask. */
  checks(): Promise<ReadonlyMap<string, CheckState> | undefined>;
  readonly candidate: CandidateFacts;
  /** Asks a probe of the environment that it comes from. @throws TrueupError CONFIG_INVALID where trueup.yaml gives it none so */
  probe(name: string): Promise<ProbeResult>;
  /** Asks a webhook of trueup.yaml. @throws TrueupError CONFIG_INVALID where that names none so */
  ask(webhook: string): Promise<GateVerdict>;
}

/** The command that speaks of this very revision, however far the branch has gone since. */
export function commandFor({ from, to, revision }: Pick<Facts, "from" | "to" | "revision">): string {
  return `trueup promote ${from} ${to} --to-revision ${revision.slice(0, 10)}`;
}

/** What travels, and what it changes for the environment that is to be reached. */
export interface CandidateFacts {
  /** How many; a thousand may be more. */
  readonly commits: number;
  /** How many settings change. */
  readonly changes: number;
  /** The targets whose settings change, each once. */
  readonly targets: readonly string[];
}

export interface SourceFacts {
  /** The targets that are not in sync at the revision, each with the reason. Empty: what was tested is what is running. */
  readonly apart: readonly { readonly target: string; readonly why: string }[];
  /** Milliseconds since 1970: since when the environment was first in sync at the revision; undefined: it never was. */
  readonly since: number | undefined;
  /** How many of its settings drift now, by severity, as the last passes found them. */
  readonly drift: Readonly<Record<Severity, number>>;
}
