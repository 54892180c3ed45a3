import { TrueupError } from "../core/errors.js";
import { suggestion } from "../lib/suggest.js";
import type { Probe, ProbeContext, ProbeKind } from "../probes/probe.js";
import { probeKinds } from "../probes/registry.js";
import { check, type CheckedFile } from "./checked.js";
import { rooted } from "./rooted.js";

/** A probe of an environment: hosts and commands are the operator's; who commits to a branch only names it. */
export interface ProbeConfig {
  readonly kind: ProbeKind;
  readonly spec: unknown;
}

export interface Reading {
  readonly at: readonly (string | number)[];
  readonly folder: string;
}

/** Reads `probes` of an environment in trueup.yaml. @throws TrueupError CONFIG_INVALID with the place; never with a value */
export function readProbes(
  source: CheckedFile,
  given: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  { at, folder }: Reading,
): ReadonlyMap<string, ProbeConfig> {
  return new Map(
    Object.entries(given).map(([name, entry]) => [name, readProbe(source, entry, { at: [...at, name], folder })]),
  );
}

function readProbe(
  source: CheckedFile,
  { kind: name, ...entry }: Readonly<Record<string, unknown>>,
  { at, folder }: Reading,
): ProbeConfig {
  const kinds = probeKinds.map(({ kind }) => kind);
  const kind = probeKinds.find((known) => known.kind === name);
  if (kind === undefined) {
    const fault = typeof name === "string" ? `there is no kind of probe \`${name}\`` : "a probe needs a `kind`";
    throw new TrueupError("CONFIG_INVALID", fault, {
      where: source.place([...at, "kind"]),
      hint: suggestion(typeof name === "string" ? name : "", kinds),
    });
  }
  const value = rooted(entry, kind.paths ?? [], folder);
  return { kind, spec: check(source, { schema: kind.schema, code: "CONFIG_INVALID", at, value, alsoKnown: ["kind"] }) };
}

/** Opens the probe of that name. @throws TrueupError CONFIG_INVALID where trueup.yaml gives the environment none */
export async function openProbe(
  probes: ReadonlyMap<string, ProbeConfig>,
  name: string,
  context: ProbeContext,
): Promise<Probe> {
  const found = probes.get(name);
  if (found !== undefined) return found.kind.open(found.spec, context);
  throw new TrueupError("CONFIG_INVALID", `trueup.yaml gives ${context.environment} no probe \`${name}\``, {
    hint: suggestion(name, [...probes.keys()]),
  });
}
