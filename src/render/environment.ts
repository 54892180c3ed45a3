import { type CheckedFile, parseChecked } from "../config/checked.js";
import { type Place, TrueupError } from "../core/errors.js";
import { suggestion } from "../lib/suggest.js";
import { type EnvironmentFile, parseEnvironmentFile, readEnvironmentFile, readLayerNames } from "./environment-file.js";
import type { Snapshot } from "./snapshot.js";

export interface LayeredEnvironment {
  readonly file: EnvironmentFile;
  /** The folders of its layers, lowest first, its own last. */
  readonly folders: readonly string[];
}

/** What the environment.yaml files of an environment and its layers say. @throws TrueupError ENVIRONMENT_INVALID */
export function readEnvironment(snapshot: Snapshot, environment: string, revision: string): LayeredEnvironment {
  const own = environmentFile(snapshot, environment, revision);
  const layers = [...readLayerNames(own), environment];
  const file = readEnvironmentFile(
    layers.map((layer) => (layer === environment ? own : layerFile(snapshot, layer, own.place(["layers"])))),
  );
  return { file, folders: layers.map((layer) => `environments/${layer}`) };
}

function environmentFile(snapshot: Snapshot, environment: string, revision: string): CheckedFile {
  const file = `environments/${environment}/environment.yaml`;
  const content = contentOf(snapshot, file);
  if (content !== undefined) return parseEnvironmentFile(content, file);
  const names = [...snapshot.keys()].flatMap(
    (path) => /^environments\/([^/]+)\/environment\.yaml$/.exec(path)?.[1] ?? [],
  );
  throw new TrueupError("ENVIRONMENT_INVALID", `there is no ${file} at ${revision.slice(0, 10)}`, {
    hint: `an environment that is gone is never taken for empty; ${suggestion(environment, names)}`,
  });
}

function layerFile(snapshot: Snapshot, layer: string, where: Place): CheckedFile {
  const file = `environments/${layer}/environment.yaml`;
  const content = contentOf(snapshot, file);
  if (content !== undefined) return parseEnvironmentFile(content, file);
  const folders = new Set([...snapshot.keys()].flatMap((path) => /^environments\/([^/]+)\//.exec(path)?.[1] ?? []));
  if (folders.has(layer)) return parseChecked("", file, "ENVIRONMENT_INVALID");
  throw new TrueupError("ENVIRONMENT_INVALID", `there is no layer \`${layer}\``, {
    where,
    hint: suggestion(layer, [...folders]),
  });
}

/** @throws TrueupError why git refuses the file */
export function contentOf(snapshot: Snapshot, path: string): Buffer | undefined {
  const file = snapshot.get(path);
  if (file === undefined) return undefined;
  if ("refused" in file) throw file.refused;
  return file.content;
}
