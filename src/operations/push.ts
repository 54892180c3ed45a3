import { TrueupError } from "../core/errors.js";
import { suggestion } from "../lib/suggest.js";
import { desiredState, tipOf } from "../reconcile/desired.js";
import type { Session } from "../reconcile/session.js";
import type { PushSetup } from "../targets/target.js";
import type { OperationContext } from "./operation.js";

/** What makes the target `environment/target` tell of its changes. @throws USAGE where its kind needs no such thing */
export async function pushSetup(session: Session, word: string, { signal }: OperationContext): Promise<PushSetup> {
  const [name = "", targetName = ""] = word.split("/", 2);
  const known = [...session.config.environments.keys()];
  if (!known.includes(name)) {
    throw new TrueupError("USAGE", `trueup.yaml names no environment \`${name}\``, { hint: suggestion(name, known) });
  }
  const { branches } = await (await session.source()).refresh(signal);
  const environment = await desiredState(session, {
    environment: name,
    revision: tipOf(session, name, branches),
    signal,
  });
  const target = environment.targets.find((candidate) => candidate.name === targetName);
  if (target === undefined) {
    const names = environment.targets.map((candidate) => candidate.name);
    throw new TrueupError("USAGE", `environment ${name} has no target \`${targetName}\``, {
      hint: suggestion(targetName, names),
    });
  }
  if ("error" in target) throw target.error;
  const { kind, spec, connection, lists } = target;
  if (kind.push === undefined) {
    throw new TrueupError("USAGE", `a ${kind.kind} target needs nothing installed to tell of its changes`, {
      hint: "where the kind can push at all, the controller listens already",
    });
  }
  return kind.push({ environment: name, name: targetName, spec, connection, lists });
}
