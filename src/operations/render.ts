import { formatPlace, TrueupError } from "../core/errors.js";
import { keyName, keyOf, type ListScope, listScope, within } from "../core/lists.js";
import { child, type Pointer } from "../core/pointer.js";
import { isList, isMap, mapOf, type Value } from "../core/value.js";
import { suggestion } from "../lib/suggest.js";
import { desiredState, tipOf } from "../reconcile/desired.js";
import { HIDDEN, isHidden } from "../reconcile/hidden.js";
import type { Session } from "../reconcile/session.js";
import type { ReadyTarget, RenderedTarget } from "../render/rendered.js";
import type { OperationContext } from "./operation.js";

export interface RenderReport {
  readonly schemaVersion: 1;
  readonly environment: string;
  readonly revision: string;
  readonly targets: readonly RenderedDocument[];
}

export interface RenderedDocument {
  readonly name: string;
  readonly kind: string;
  /** Without sensitive values: each is `(sensitive)`. */
  readonly document: Value;
  /** Only where it was asked for: what each setting is, and the file, line and column that says so. */
  readonly settings?: readonly { readonly path: Pointer; readonly value: Value; readonly where: string }[];
}

export interface RenderArgs {
  readonly environment: string;
  readonly target?: string | undefined;
  readonly revision?: string | undefined;
  readonly explain: boolean;
}

/** The desired documents of an environment. @throws what keeps a target from rendering */
export async function renderDocuments(
  session: Session,
  args: RenderArgs,
  { signal }: OperationContext,
): Promise<RenderReport> {
  const known = [...session.config.environments.keys()];
  if (!known.includes(args.environment)) {
    throw new TrueupError("USAGE", `trueup.yaml names no environment \`${args.environment}\``, {
      hint: suggestion(args.environment, known),
    });
  }
  const source = await session.source();
  const { branches } = await source.refresh(signal);
  const revision =
    args.revision === undefined ? tipOf(session, args.environment, branches) : await source.resolve(args.revision);
  const environment = await desiredState(session, { environment: args.environment, revision, signal });
  const targets = chosen(environment.targets, args.target).map((target) => {
    if ("error" in target) throw target.error;
    return documentOf(target, args.explain);
  });
  return { schemaVersion: 1, environment: args.environment, revision, targets };
}

function chosen(targets: readonly RenderedTarget[], name: string | undefined): readonly RenderedTarget[] {
  const names = targets.map((target) => target.name);
  if (name === undefined) return targets;
  if (names.includes(name)) return targets.filter((target) => target.name === name);
  throw new TrueupError("USAGE", `the environment has no target \`${name}\``, { hint: suggestion(name, names) });
}

function documentOf(target: ReadyTarget, explain: boolean): RenderedDocument {
  const settings: { path: Pointer; value: Value; where: string }[] = [];
  const walk = (value: Value, path: Pointer, scope: ListScope): Value => {
    if (isMap(value) && Object.keys(value).length > 0) {
      return mapOf(Object.entries(value).map(([key, item]) => [key, walk(item, child(path, key), within(scope, key))]));
    }
    if (isList(value) && value.length > 0 && scope.rule !== "set") {
      const key = keyName(scope);
      return value.map((item, index) => {
        const name = (key === undefined ? undefined : keyOf(item, key)) ?? String(index);
        return walk(item, child(path, name), within(scope, name));
      });
    }
    const shown = isHidden(target, path, value) ? HIDDEN : value;
    if (explain) {
      const place = target.explain(path);
      settings.push({ path, value: shown, where: place === undefined ? "" : formatPlace(place) });
    }
    return shown;
  };
  const document = walk(target.document, "", listScope(target.lists));
  return { name: target.name, kind: target.kindName, document, ...(explain ? { settings } : {}) };
}
