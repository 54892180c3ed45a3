import { readEnvironment } from "../../render/environment.js";
import type { Snapshot } from "../../render/snapshot.js";
import { type Adoption, adoptionOf, type AdoptionRequest } from "../adopt.js";
import type { TargetPass } from "../pass.js";
import type { Kept } from "./desk.js";

/** The layers of the environment, lowest first, its own last. @throws TrueupError ENVIRONMENT_INVALID */
export function layersOf({ environment: { name, revision } }: TargetPass, snapshot: Snapshot): readonly string[] {
  return readEnvironment(snapshot, name, revision).folders.map((folder) => folder.slice("environments/".length));
}

/**
 * The live values, written into the layer that people asked for on the pull request. Where the environment has it no more, or
 * it can hold none of them, they go into the environment's own: to propose them there is better than not at all.
 * @throws as `adoptionOf` does
 */
export async function proposedAdoption(
  pass: TargetPass,
  request: Omit<AdoptionRequest, "layer">,
  known: Kept | undefined,
): Promise<Adoption> {
  const layer = known?.asked?.layer;
  if (layer !== undefined && layersOf(pass, request.snapshot).includes(layer)) {
    const adoption = await adoptionOf(pass, { ...request, layer });
    if (adoption.files.size > 0) return adoption;
  }
  return adoptionOf(pass, { ...request, layer: undefined });
}
