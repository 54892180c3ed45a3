import type { Change } from "../core/change.js";
import type { Finding } from "../core/finding.js";
import { blastRefusal } from "../core/guards.js";
import type { Guards } from "../core/policy.js";
import type { Judged } from "./judge.js";

/** What a person said on the command line. The controller says nothing of this. */
export interface Wishes {
  /** A person asks for the pending revision, where `sync: manual` waits for one. */
  readonly sync: boolean;
  /** Lets a plan through the blast radius, and a loss through as real. */
  readonly confirm: boolean;
  /** Takes one side of everything that differs. */
  readonly adopt?: "desired" | "live";
}

export interface Plan {
  readonly findings: readonly Finding[];
  readonly changes: readonly Change[];
  /** Why the plan is not carried out. */
  readonly refusal: string | undefined;
}

export interface PlanOptions {
  readonly wishes: Wishes;
  readonly guards: Guards;
  readonly managed: number;
}

/** What shall be written, of what was found. Pure. */
export function planOf(judged: readonly Judged[], { wishes, guards, managed }: PlanOptions): Plan {
  const findings = judged.filter((one) => isWanted(one, wishes)).map(({ finding }) => finding);
  return {
    findings,
    changes: findings.map(({ path, live, desired }) => ({ path, expected: live, desired })),
    refusal: wishes.confirm ? undefined : blastRefusal(findings, managed, guards.blastRadius),
  };
}

function isWanted({ finding, decision, note }: Judged, { sync, adopt }: Wishes): boolean {
  if (adopt === "live") return false;
  // An unmanaged setting is git's to remove only where the policy's own words reach it: in an exclusive target.
  if (adopt === "desired" && finding.kind !== "unmanaged") return true;
  if (finding.kind === "pending" && sync) return note === undefined;
  return decision.actions.includes("heal") || decision.actions.includes("sync");
}
