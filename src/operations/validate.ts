import { formatPlace, type TrueupError } from "../core/errors.js";
import { child } from "../core/pointer.js";
import { isMap, type Value } from "../core/value.js";
import { hopsAt } from "../promotion/hops.js";
import { apartFromOthers } from "../reconcile/apart.js";
import { desiredState, tipOf } from "../reconcile/desired.js";
import { asTrueupError } from "../reconcile/pass.js";
import { reportError, type ReportedError } from "../reconcile/report.js";
import type { Session } from "../reconcile/session.js";
import type { ReadyTarget, RenderedEnvironment } from "../render/rendered.js";
import type { OperationContext } from "./operation.js";

export interface ValidationReport {
  readonly schemaVersion: 1;
  readonly valid: boolean;
  readonly environments: readonly ValidatedEnvironment[];
  readonly warnings: readonly string[];
}

export interface ValidatedEnvironment {
  readonly name: string;
  readonly revision: string | null;
  readonly error?: ReportedError;
  readonly targets: readonly { readonly name: string; readonly kind: string; readonly error?: ReportedError }[];
}

/** Renders environments at the tips of their branches and checks all that can be checked without touching anything live. */
export async function validateEnvironments(
  session: Session,
  names: readonly string[],
  context: OperationContext,
): Promise<ValidationReport> {
  await session.routes();
  context.progress("asking git");
  const { branches } = await (await session.source()).refresh(context.signal);
  const rendered = await Promise.all(
    names.map((name) => renderOne(session, name, { branches, signal: context.signal })),
  );
  const whole = rendered.flatMap(({ environment }) => (environment === undefined ? [] : [environment]));
  const environments = rendered.map(({ name, revision, environment, error }) => ({
    name,
    revision: revision ?? null,
    ...(error === undefined ? {} : { error }),
    // Once more, now that all are rendered: one that came first knew nothing of the others' claims.
    targets: (environment === undefined ? [] : apartFromOthers(session, environment).targets).map((target) => ({
      name: target.name,
      kind: target.kindName,
      ...("error" in target ? { error: placed(target.error) } : {}),
    })),
  }));
  const faults = environments.some(
    ({ error, targets }) => error !== undefined || targets.some((target) => target.error !== undefined),
  );
  return {
    schemaVersion: 1,
    valid: !faults,
    environments,
    // A rule may speak of what did not render, or was not asked about.
    warnings: [
      ...new Set(whole.flatMap(({ warnings }) => warnings)),
      ...new Set(rendered.flatMap(({ warnings = [] }) => warnings)),
      ...(faults || names.length < session.config.environments.size ? [] : silentRules(whole)),
    ],
  };
}

interface Rendered {
  readonly name: string;
  readonly revision?: string;
  readonly environment?: RenderedEnvironment;
  readonly error?: ReportedError;
  readonly warnings?: readonly string[];
}

async function renderOne(
  session: Session,
  name: string,
  { branches, signal }: { branches: ReadonlyMap<string, string>; signal: AbortSignal },
): Promise<Rendered> {
  let revision: string | undefined;
  try {
    revision = tipOf(session, name, branches);
    const environment = await desiredState(session, { environment: name, revision, signal });
    return { name, revision, environment, ...(await promotionFaults(session, revision, signal)) };
  } catch (error) {
    signal.throwIfAborted();
    return { name, ...(revision === undefined ? {} : { revision }), error: placed(asTrueupError(error)) };
  }
}

/** Whether the branch's promotion policy can be read. One that names what trueup.yaml does not may be meant for another. */
async function promotionFaults(
  session: Session,
  revision: string,
  signal: AbortSignal,
): Promise<Pick<Rendered, "error" | "warnings">> {
  const known = session.config.environments;
  try {
    const hops = (await hopsAt(session, revision, signal)) ?? [];
    const unknown = hops.flatMap(({ from, to, places }) => [
      ...(known.has(from) ? [] : [{ name: from, where: places?.from }]),
      ...(known.has(to) ? [] : [{ name: to, where: places?.to }]),
    ]);
    const warnings = unknown.map(({ name, where = { file: "policies/promotion.yaml" } }) => {
      return `${formatPlace(where)}: the order names ${name}, which trueup.yaml does not`;
    });
    return { warnings };
  } catch (error) {
    signal.throwIfAborted();
    return { error: placed(asTrueupError(error)) };
  }
}

function placed(error: TrueupError): ReportedError {
  return reportError(error, error.where === undefined ? undefined : formatPlace(error.where));
}

function ready(environment: RenderedEnvironment): readonly ReadyTarget[] {
  return environment.targets.flatMap((target) => ("error" in target ? [] : [target]));
}

/** Rules that speak of no setting anywhere: not wrong, but most likely a slip. */
function silentRules(environments: readonly RenderedEnvironment[]): string[] {
  const spoken = new Map<string, boolean>();
  for (const environment of environments) {
    const settings = ready(environment).flatMap((target) =>
      pointers(target.document).map((path) => ({
        environment: environment.name,
        target: target.name,
        targetKind: target.kindName,
        path,
      })),
    );
    for (const rule of environment.policy.rules) {
      const key = `${formatPlace(rule.where)}: the rule "${rule.name}"`;
      // A rule about what git does not name cannot match what git names.
      const speaks = rule.asksForUnmanaged || settings.some((setting) => rule.covers(setting));
      spoken.set(key, (spoken.get(key) ?? false) || speaks);
    }
  }
  return [...spoken].filter(([, speaks]) => !speaks).map(([key]) => `${key} matches no setting of any environment`);
}

function pointers(value: Value, path = ""): string[] {
  if (!isMap(value)) return [path];
  return Object.entries(value).flatMap(([key, item]) => pointers(item, child(path, key)));
}
