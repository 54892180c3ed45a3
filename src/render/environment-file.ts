import { z } from "zod";
import { check, type CheckedFile, parseChecked } from "../config/checked.js";
import { TrueupError } from "../core/errors.js";
import { mergePatch } from "../core/merge.js";
import { emptyMap, isMap, member, type Value } from "../core/value.js";
import { durationSchema } from "../lib/duration.js";

const pointerSchema = z.string().refine((text) => text.startsWith("/"), "expected a JSON Pointer, which begins with /");
const scalarSchema = z.union([z.string(), z.number(), z.bigint(), z.boolean()]);

const ignoreSchema = z.strictObject({
  path: pointerSchema,
  reason: z.string().min(1),
  owner: z.string().min(1),
  /** A day, the last on which the difference is ignored. */
  until: z.iso.date().optional(),
});

/** What every target may say, whatever its kind. */
const commonSchema = z.strictObject({
  kind: z.string().min(1),
  connection: z.string().min(1),
  lists: z.record(pointerSchema, z.union([z.literal("set"), z.strictObject({ key: z.string().min(1) })])).default({}),
  ignore: z.array(ignoreSchema).default([]),
  sensitive: z.array(pointerSchema).default([]),
  exclusive: z.boolean().default(false),
  timeout: durationSchema.default(10_000),
  /** Targets of the environment that get a revision before this one. */
  dependsOn: z.array(z.string()).default([]),
});
export type CommonSpec = z.output<typeof commonSchema>;
export type IgnoreRule = z.output<typeof ignoreSchema>;

const COMMON_KEYS: ReadonlySet<string> = new Set(Object.keys(commonSchema.shape));

const rolloutSchema = z.strictObject({
  groups: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[A-Za-z0-9][\w.-]*$/, "a group's name is letters, digits, . _ -"),
        targets: z.array(z.string()).min(1),
        probes: z.array(z.string()).default([]),
      }),
    )
    .min(1),
  probeTimeout: durationSchema.default(60_000),
});

const environmentSchema = z.strictObject({
  layers: z.array(z.string().regex(/^[^./\\][^/\\]*$/, "expected the name of a folder beside this one")).default([]),
  variables: z
    .record(z.string().regex(/^[A-Za-z_]\w*$/, "a variable's name is letters, digits and _"), scalarSchema)
    .default({}),
  sync: z.enum(["auto", "manual"]).default("auto"),
  prune: z.boolean().default(false),
  /** Where `trueup adopt --direct` may commit: the environment's own branch, or only a branch that a person merges. */
  adopt: z.enum(["branch", "direct"]).default("branch"),
  rollout: rolloutSchema.optional(),
  targets: z
    .record(z.string().regex(/^[A-Za-z0-9][\w.-]*$/, "a target's name is letters, digits, . _ -"), z.unknown())
    .default({}),
});

export interface EnvironmentFile {
  readonly variables: Readonly<Record<string, string | number | bigint | boolean>>;
  readonly sync: "auto" | "manual";
  readonly prune: boolean;
  readonly adopt: "branch" | "direct";
  /** As it is written; `readRollout` checks it. */
  readonly rollout: z.output<typeof rolloutSchema> | undefined;
  readonly targets: ReadonlyMap<
    string,
    { readonly common: CommonSpec; readonly rest: Readonly<Record<string, unknown>> }
  >;
  /** The merged file, for the places of what is wrong in it. */
  readonly source: CheckedFile;
}

/** The layers that an environment's own environment.yaml names, lowest first. */
export function readLayerNames(own: CheckedFile): readonly string[] {
  const layers: unknown = isMap(own.value) ? member(own.value, "layers") : undefined;
  if (layers === undefined) return [];
  return check(own, {
    schema: environmentSchema.shape.layers,
    code: "ENVIRONMENT_INVALID",
    value: layers,
    at: ["layers"],
  });
}

/** Merges the environment.yaml files of all layers (lowest first, RFC 7396) and checks what they say together. */
export function readEnvironmentFile(files: readonly CheckedFile[]): EnvironmentFile {
  for (const file of files.slice(0, -1)) {
    if (isMap(file.value) && Object.hasOwn(file.value, "layers")) {
      throw new TrueupError("ENVIRONMENT_INVALID", "only an environment's own environment.yaml names layers", {
        where: file.place(["layers"]),
        hint: "name all layers there, lowest first",
      });
    }
  }
  const source = merged(files);
  const data = check(source, { schema: environmentSchema, code: "ENVIRONMENT_INVALID" });
  return {
    variables: data.variables,
    sync: data.sync,
    prune: data.prune,
    adopt: data.adopt,
    rollout: data.rollout,
    targets: new Map(Object.entries(data.targets).map(([name, raw]) => [name, readTarget(name, raw, source)])),
    source,
  };
}

function readTarget(name: string, raw: unknown, source: CheckedFile) {
  const at = ["targets", name];
  const all = check(source, { schema: z.record(z.string(), z.unknown()), code: "ENVIRONMENT_INVALID", value: raw, at });
  const entries = Object.entries(all);
  const common = Object.fromEntries(entries.filter(([key]) => COMMON_KEYS.has(key)));
  return {
    common: check(source, { schema: commonSchema, code: "ENVIRONMENT_INVALID", value: common, at }),
    rest: Object.fromEntries(entries.filter(([key]) => !COMMON_KEYS.has(key))),
  };
}

export function commonKeys(): readonly string[] {
  return [...COMMON_KEYS];
}

function merged(files: readonly CheckedFile[]): CheckedFile {
  const value = files.reduce<Value>((below, { value: patch }) => mergePatch(below, patch), emptyMap());
  const top = files.at(-1);
  if (top === undefined) throw new RangeError("an environment has at least its own environment.yaml");
  return {
    file: top.file,
    value,
    place: (path) => {
      // The highest layer that writes the path, or else the nearest thing above it that some layer writes.
      for (let length = path.length; length > 0; length -= 1) {
        const shorter = path.slice(0, length);
        const owner = files.findLast((file) => holds(file.value, shorter));
        if (owner !== undefined) return owner.place(shorter);
      }
      return { file: top.file };
    },
  };
}

function holds(value: Value, path: readonly (string | number)[]): boolean {
  let current: Value | undefined = value;
  for (const segment of path) {
    if (isMap(current)) current = member(current, String(segment));
    else if (Array.isArray(current)) current = (current as readonly Value[])[Number(segment)];
    else return false;
    if (current === undefined) return false;
  }
  return true;
}

/** The environment.yaml of one layer. */
export function parseEnvironmentFile(content: Buffer, file: string): CheckedFile {
  return parseChecked(content.toString("utf8"), file, "ENVIRONMENT_INVALID");
}
