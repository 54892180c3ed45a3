import type { Change } from "../core/change.js";
import { changeOf, type Finding } from "../core/finding.js";
import { type Freeze, freezeRefusal } from "../core/freeze.js";
import { blastRefusal } from "../core/guards.js";
import type { Guards } from "../core/policy.js";
import type { Judged } from "./judge.js";

/** What a person said on the command line. The controller says nothing of this. */
export interface Wishes {
  /** A person asks for the pending revision, where `sync: manual` waits for one. */
  readonly sync: boolean;
  /** Lets a plan through the blast radius and a freeze, and a loss through as real. */
  readonly confirm: boolean;
  /** Takes one side of everything that differs. */
  readonly adopt?: "desired" | "live";
  /** Just these findings are written, whatever the policy says of them. */
  readonly heal?: (finding: Finding) => boolean;
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
  /** Asked where something would be written. */
  readonly freeze: () => Freeze | undefined;
  readonly managed: number;
  /** Whether the target is git's alone: settings that git does not name are git's to remove. */
  readonly exclusive: boolean;
}

/** What shall be written, of what was found. Pure. */
export function planOf(judged: readonly Judged[], options: PlanOptions): Plan {
  const { wishes, guards, freeze, managed, exclusive } = options;
  const findings = judged.filter((one) => isWanted(one, { ...wishes, exclusive })).map(({ finding }) => finding);
  // All that speaks against it: who lets it through lets it through all.
  const refusals = [
    findings.length === 0 ? undefined : freezeRefusal(freeze()),
    blastRefusal(findings, managed, guards.blastRadius),
  ];
  const refusal = refusals.filter((one) => one !== undefined).join("; and ");
  return {
    findings,
    changes: findings.map(changeOf),
    refusal: wishes.confirm || refusal === "" ? undefined : refusal,
  };
}

function isWanted(
  { finding, decision, note, restrained }: Judged,
  { sync, adopt, heal, exclusive }: Wishes & { exclusive: boolean },
): boolean {
  // A hold stands above what a person asks of all that differs; who means the held setting releases it.
  if (adopt === "live" || restrained === "held") return false;
  if (heal !== undefined) return heal(finding);
  if (adopt === "desired" && (finding.kind !== "unmanaged" || exclusive)) return true;
  if (finding.kind === "pending" && sync) return note === undefined;
  return decision.actions.includes("heal") || decision.actions.includes("sync");
}
