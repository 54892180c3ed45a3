import { check, type CheckedFile } from "../config/checked.js";
import { type ErrorDetails, type Place, TrueupError } from "../core/errors.js";
import { child, type Pointer } from "../core/pointer.js";
import { looksSecretByName } from "../core/sensitive.js";
import { isMap, type Value } from "../core/value.js";
import { pointerGlobs } from "../lib/glob.js";
import { suggestion } from "../lib/suggest.js";
import { DEFAULT_POLICY, readDriftPolicy } from "../policies/drift.js";
import { readValidationPolicy, type ValidationRule } from "../policies/validation.js";
import type { TargetKind } from "../targets/target.js";
import { conflicts, nameOf } from "./claims.js";
import { commonKeys, type CommonSpec, type EnvironmentFile } from "./environment-file.js";
import { contentOf, readEnvironment } from "./environment.js";
import { readHolds } from "./holds-file.js";
import { mergeTarget } from "./layers.js";
import type { RenderedEnvironment, RenderedTarget } from "./rendered.js";
import { readRollout } from "./rollout.js";
import { compileSchema } from "./schema.js";
import { secretPlaces } from "./secret-places.js";
import type { Snapshot } from "./snapshot.js";
import { secretNames, substitute } from "./text.js";

export interface RenderRequest {
  readonly environment: string;
  readonly revision: string;
  readonly snapshot: Snapshot;
  readonly kinds: readonly TargetKind[];
  /** What trueup.yaml lets this environment reach, with the places in it. */
  readonly connections: { readonly declared: Readonly<Record<string, unknown>>; readonly source: CheckedFile };
  /** The names of the probes that trueup.yaml gives this environment. */
  readonly probes: readonly string[];
  /** Leaves out schemas and the rules of validation.yaml: to show what a document is that does not meet them. */
  readonly unjudged?: true;
  /**
   * @param target which asks
   * @throws TrueupError SECRET_MISSING
   */
  secret(name: string, target: string): Promise<string>;
}

/**
 * Renders one environment at one commit. What concerns the whole environment throws; what concerns one target fails that one.
 * @throws TrueupError ENVIRONMENT_INVALID, POLICY_INVALID, GIT_REVISION_MISSING
 */
export async function renderEnvironment(request: RenderRequest): Promise<RenderedEnvironment> {
  const { environment, snapshot, revision } = request;
  const { file, folders } = readEnvironment(snapshot, environment, revision);
  const rollout = readRollout(file, request.probes);
  const policies = await readPolicies(snapshot);
  const warnings: string[] = [];
  const scope: Scope = { request, file, folders, policies, warnings };
  const rendered = await Promise.all([...file.targets.keys()].map((name) => renderTarget(name, scope)));
  return {
    name: environment,
    revision,
    sync: file.sync,
    prune: file.prune,
    policy: policies.drift,
    targets: apart(environment, rendered),
    holds: readHolds(snapshot, {
      folder: `environments/${environment}`,
      layers: scope.folders.slice(0, -1),
      targets: [...file.targets.keys()],
    }),
    warnings,
    ...(rollout && { rollout }),
  };
}

interface Scope {
  readonly request: RenderRequest;
  readonly file: EnvironmentFile;
  readonly folders: readonly string[];
  readonly policies: Policies;
  readonly warnings: string[];
}

async function renderTarget(name: string, scope: Scope): Promise<RenderedTarget> {
  const target = scope.file.targets.get(name);
  const kindName = target?.common.kind ?? "";
  const where = scope.file.source.place(["targets", name]);
  try {
    if (target === undefined) throw new TrueupError("INTERNAL", `target ${name} is not declared`);
    return await renderDeclared(name, target, scope);
  } catch (error) {
    return { name, kindName, error: located(error, where) };
  }
}

async function renderDeclared(
  name: string,
  { common, rest }: { common: CommonSpec; rest: Readonly<Record<string, unknown>> },
  scope: Scope,
): Promise<RenderedTarget> {
  const { request, file, folders } = scope;
  const kind = kindOf(common, name, scope);
  const spec = check(file.source, {
    schema: kind.spec,
    code: "ENVIRONMENT_INVALID",
    value: rest,
    at: ["targets", name],
    alsoKnown: commonKeys(),
  });
  const connection = connectionOf(common, kind, { name, scope });
  const { lists } = common;
  const { document: layered, explain } = mergeTarget(request.snapshot, {
    target: name,
    folders,
    lists,
    tags: rest["tags"] === "keep" ? "keep" : "refuse",
    manyDocuments: kind.manyDocuments,
  });
  const fromSecret = secretPlaces();
  const secrets = new Map<string, string>();
  for (const [secret, pointer] of secretNames(layered, lists)) {
    secrets.set(
      secret,
      await request.secret(secret, name).catch((error: unknown) => Promise.reject(located(error, explain(pointer)))),
    );
  }
  const document = substitute(layered, {
    variables: file.variables,
    lists,
    secret: (secret, _, path) => {
      fromSecret.add(path);
      return secrets.get(secret) ?? "";
    },
    warn: (message) => scope.warnings.push(`${request.environment}/${name}: ${message}`),
  });
  if (!isMap(document)) throw new TrueupError("DOCUMENT_INVALID", `the document of target ${name} is not a map`);
  if (request.unjudged !== true) await validate({ name, document, scope, explain });
  const marked = pointerGlobs(common.sensitive);
  return {
    name,
    kindName: kind.kind,
    kind,
    spec,
    connection,
    document,
    lists,
    exclusive: common.exclusive,
    timeout: common.timeout,
    ignore: common.ignore,
    sensitive: (pointer) => fromSecret.cover(pointer) || marked(pointer) || looksSecretByName(pointer),
    claims: kind.admit({ spec, connection, document }),
    explain,
  };
}

function kindOf({ kind }: CommonSpec, name: string, { request, file }: Scope): TargetKind {
  const found = request.kinds.find((candidate) => candidate.kind === kind);
  if (found !== undefined) return found;
  throw new TrueupError("ENVIRONMENT_INVALID", `there is no target kind \`${kind}\``, {
    where: file.source.place(["targets", name, "kind"]),
    hint: suggestion(
      kind,
      request.kinds.map((candidate) => candidate.kind),
    ),
  });
}

function connectionOf(common: CommonSpec, kind: TargetKind, { name, scope }: { name: string; scope: Scope }): unknown {
  const { declared, source } = scope.request.connections;
  const { environment } = scope.request;
  if (!Object.hasOwn(declared, common.connection)) {
    throw new TrueupError(
      "ENVIRONMENT_INVALID",
      `trueup.yaml gives ${environment} no connection \`${common.connection}\``,
      {
        where: scope.file.source.place(["targets", name, "connection"]),
        hint: suggestion(common.connection, Object.keys(declared)),
      },
    );
  }
  return check(source, {
    schema: kind.connection,
    code: "CONFIG_INVALID",
    value: declared[common.connection],
    at: ["environments", environment, "connections", common.connection],
  });
}

interface Validation {
  readonly name: string;
  readonly document: Value;
  readonly scope: Scope;
  readonly explain: (pointer: Pointer) => Place | undefined;
}

/** Holds the rendered document against the target's JSON Schema and the rules of validation.yaml. */
async function validate({ name, document, scope, explain }: Validation): Promise<void> {
  const file = `policies/schemas/${name}.schema.json`;
  const schema = contentOf(scope.request.snapshot, file);
  if (schema !== undefined) {
    const [fault, ...others] = (await compileSchema(schema, { file }))(document);
    if (fault !== undefined) {
      const pointer = fault.segments.reduce(child, "");
      const more = others.length === 0 ? "" : ` (and ${others.length} more)`;
      throw new TrueupError(
        "DOCUMENT_INVALID",
        `${pointer === "" ? "the document" : pointer} ${fault.message}${more}`,
        {
          where: explain(pointer),
          hint: `${file} says what it may be`,
        },
      );
    }
  }
  for (const rule of scope.policies.validation) {
    const message = rule.broken({ environment: scope.request.environment, target: name, document });
    if (message !== undefined) {
      throw new TrueupError("DOCUMENT_INVALID", message, {
        hint: `policies/validation.yaml demands it: rule "${rule.name}"`,
      });
    }
  }
}

interface Policies {
  readonly drift: RenderedEnvironment["policy"];
  readonly validation: readonly ValidationRule[];
}

const policyCache = new Map<string, Policies>();

/** The policies at the environment's own revision, compiled once for the same blobs. */
async function readPolicies(snapshot: Snapshot): Promise<Policies> {
  const drift = snapshot.get("policies/drift.yaml");
  const validation = snapshot.get("policies/validation.yaml");
  const key = `${drift?.id ?? "-"} ${validation?.id ?? "-"}`;
  const known = policyCache.get(key);
  if (known !== undefined) return known;
  const driftText = contentOf(snapshot, "policies/drift.yaml")?.toString("utf8");
  const validationText = contentOf(snapshot, "policies/validation.yaml")?.toString("utf8");
  const policies = {
    drift: driftText === undefined ? DEFAULT_POLICY : await readDriftPolicy(driftText, "policies/drift.yaml"),
    validation:
      validationText === undefined ? [] : await readValidationPolicy(validationText, "policies/validation.yaml"),
  };
  // A controller sees few policies at a time: one a branch. What is not used any more is soon pushed out.
  if (policyCache.size >= 64) policyCache.clear();
  policyCache.set(key, policies);
  return policies;
}

/** Fails the targets that claim what another one claims. */
function apart(environment: string, targets: readonly RenderedTarget[]): readonly RenderedTarget[] {
  const ready = targets.flatMap((target) =>
    "error" in target ? [] : [{ environment, target: target.name, claims: target.claims }],
  );
  const errors = conflicts(ready);
  if (errors.size === 0) return targets;
  return targets.map((target) => {
    const error = errors.get(nameOf({ environment, target: target.name }));
    return error === undefined ? target : { name: target.name, kindName: target.kindName, error };
  });
}

/** The error, with the place where it arose if it does not say one itself. */
function located(error: unknown, where: Place | undefined): TrueupError {
  if (!(error instanceof TrueupError)) return new TrueupError("INTERNAL", "rendering failed", { cause: error, where });
  if (error.where !== undefined) return error;
  const details: ErrorDetails = { where, hint: error.hint, cause: error.cause };
  return new TrueupError(error.code, error.message, details);
}
