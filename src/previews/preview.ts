import type { Difference } from "../promotion/report.js";
import type { MergeConflict } from "../git/merge.js";

/** What would be if a pull request were merged now. */
export type Preview =
  /** It comes from a fork, and nobody who may write to the repository has approved it as it is now: nothing of it was read. */
  | { readonly relation: "untrusted" }
  | { readonly relation: "conflicting"; readonly conflicts: readonly MergeConflict[] }
  | { readonly relation: "unrelated" }
  | {
      readonly relation: "merging";
      /** Those that follow its base, and of which it changes something. */
      readonly environments: readonly EnvironmentPreview[];
      /** Files below `policies/` that it changes. */
      readonly policies: readonly string[];
      /** Why `policies/promotion.yaml` cannot be read then. */
      readonly promotion: readonly Fault[];
      /** Environments that follow other branches, and of whose files it changes some: they get that by promotion. */
      readonly later: readonly string[];
    };

export interface EnvironmentPreview {
  readonly name: string;
  /** Of targets that load before and after. */
  readonly changes: readonly Difference[];
  readonly faults: readonly Fault[];
  /** Targets that did not load, and do then; empty names stand for the whole environment. */
  readonly mended: readonly string[];
  /** What else is to be known, as sentences in Markdown. */
  readonly notes: readonly string[];
}

/** Why a target, or a whole environment, does not load, or which of its policies it breaks. */
export interface Fault {
  /** Absent: the whole environment. */
  readonly target?: string;
  readonly message: string;
  /** `file:line:column` */
  readonly where?: string;
  readonly hint?: string;
  /** It is so without the pull request, too. */
  readonly already: boolean;
}

/** The faults that a pull request brings, each with its environment. */
export function broughtBy(preview: Preview): readonly (Fault & { readonly environment?: string })[] {
  if (preview.relation !== "merging") return [];
  const all = [
    ...preview.promotion,
    ...preview.environments.flatMap(({ name, faults }) => faults.map((fault) => ({ environment: name, ...fault }))),
  ];
  return all.filter(({ already }) => !already);
}
