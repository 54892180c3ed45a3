import type { TrueupError } from "../core/errors.js";
import { conflicts, nameOf } from "../render/claims.js";
import type { RenderedEnvironment } from "../render/rendered.js";
import type { Session } from "./session.js";

const known = new WeakMap<Session, ReadonlyMap<string, TrueupError>>();

/** To be called when what an environment claims may have changed. */
export function claimsChanged(session: Session): void {
  known.delete(session);
}

/**
 * Fails the targets that claim what a target of another environment claims, as far as this process has rendered the others:
 * two environments that write the same table would undo each other's work for ever. Conflicts within one environment are
 * found as it is rendered.
 */
export function apartFromOthers(session: Session, environment: RenderedEnvironment): RenderedEnvironment {
  let errors = known.get(session);
  if (errors === undefined) {
    errors = conflicts([...session.rendered.values()].flatMap((rendering) => claimants(rendering.environment)));
    known.set(session, errors);
  }
  if (errors.size === 0) return environment;
  const faults = environment.targets.map((target) =>
    errors.get(nameOf({ environment: environment.name, target: target.name })),
  );
  if (faults.every((fault) => fault === undefined)) return environment;
  const targets = environment.targets.map((target, index) => {
    const error = faults[index];
    return error === undefined || "error" in target ? target : { name: target.name, kindName: target.kindName, error };
  });
  return { ...environment, targets };
}

function claimants({ name, targets }: RenderedEnvironment) {
  return targets.flatMap((target) =>
    "error" in target ? [] : [{ environment: name, target: target.name, claims: target.claims }],
  );
}
