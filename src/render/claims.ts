import { TrueupError } from "../core/errors.js";
import type { Claim } from "../targets/target.js";

export interface Claimant {
  readonly environment: string;
  readonly target: string;
  readonly claims: readonly Claim[];
}

interface Owner {
  readonly claimant: Claimant;
  readonly claim: Claim;
}

/**
 * Two targets that would write the same file, table, setting or topic: they would undo each other's work for ever.
 * Answers with the error of each claimant that is not alone, by `environment/target`.
 */
export function conflicts(claimants: readonly Claimant[]): ReadonlyMap<string, TrueupError> {
  const owners = new Map<string, Owner>();
  const errors = new Map<string, TrueupError>();
  const all = claimants.flatMap((claimant) => claimant.claims.map((claim) => ({ claimant, claim })));
  for (const owner of all) owners.set(keyOf(owner.claim, owner.claim.path.length), owner);
  for (const { claimant, claim } of all) {
    // The owner of the same path or of one above it: a longer path finds the shorter one, never the other way round.
    for (let length = claim.path.length; length >= 0; length -= 1) {
      const other = owners.get(keyOf(claim, length));
      if (other === undefined || other.claimant === claimant) continue;
      errors.set(nameOf(claimant), conflict(other.claimant, claim));
      errors.set(nameOf(other.claimant), conflict(claimant, claim));
    }
  }
  return errors;
}

export function nameOf({ environment, target }: Pick<Claimant, "environment" | "target">): string {
  return `${environment}/${target}`;
}

function keyOf(claim: Claim, length: number): string {
  return JSON.stringify([claim.system, ...claim.path.slice(0, length)]);
}

function conflict(other: Claimant, claim: Claim): TrueupError {
  return new TrueupError(
    "TARGET_CONFLICT",
    `target ${nameOf(other)} claims ${claim.system} ${claim.path.join("/")}, too`,
    {
      hint: "let one target own it, or give each a part of its own",
    },
  );
}
