import type { EnvironmentConfig } from "../config/config.js";
import { TrueupError } from "../core/errors.js";
import { renderEnvironment, type RenderRequest } from "../render/render.js";
import type { RenderedEnvironment } from "../render/rendered.js";
import { targetKinds } from "../targets/registry.js";
import { apartFromOthers, claimsChanged } from "./apart.js";
import type { Session } from "./session.js";

const FOLDERS = ["environments", "policies"] as const;

export interface DesiredOptions {
  readonly environment: string;
  /** The commit to render. */
  readonly revision: string;
  readonly signal: AbortSignal;
}

/**
 * What git says an environment should be, at a commit. Rendered once for the same trees, secrets and connections: an idle
 * cycle neither reads nor parses a file.
 */
export async function desiredState(session: Session, options: DesiredOptions): Promise<RenderedEnvironment> {
  const { environment, revision, signal } = options;
  const config = configOf(session, environment);
  const source = await session.source();
  const trees = await source.treeId(revision, ...FOLDERS);
  const known = session.rendered.get(environment);
  const parts = [trees, config, [...config.probes.keys()]];
  const key = JSON.stringify(parts, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
  if (known?.key === key && (await isUnchanged(known.secrets, (name) => session.secret(environment, name)))) {
    const { environment: same } = known;
    return apartFromOthers(session, same.revision === revision ? same : { ...same, revision });
  }
  await source.verify(revision);
  const secrets = new Map<string, string | undefined>();
  const snapshot = await source.read(revision, FOLDERS, signal);
  const rendered = await renderWith(session, {
    ...{ environment, revision, snapshot },
    secret: async (name) => {
      // One that is missing is remembered as such: when it is there, the target is rendered anew.
      secrets.set(name, undefined);
      const value = await session.secret(environment, name);
      secrets.set(name, value);
      return value;
    },
  });
  session.rendered.set(environment, { key, environment: rendered, secrets });
  claimsChanged(session);
  return apartFromOthers(session, rendered);
}

type Rendering = Pick<RenderRequest, "environment" | "revision" | "snapshot" | "secret" | "unjudged">;

/** What an environment is by these files, whether or not git has them. Nothing of it is remembered. */
export function renderWith(session: Session, request: Rendering): Promise<RenderedEnvironment> {
  const { connections, probes } = configOf(session, request.environment);
  const { source } = session.config;
  return renderEnvironment({
    ...{ ...request, kinds: targetKinds, connections: { declared: connections, source } },
    probes: [...probes.keys()],
  });
}

function configOf({ config }: Session, environment: string): EnvironmentConfig {
  const found = config.environments.get(environment);
  if (found !== undefined) return found;
  throw new TrueupError("CONFIG_INVALID", `trueup.yaml names no environment \`${environment}\``);
}

/** Whether secrets still have the values that a rendering took, or still have none. */
export async function isUnchanged(
  known: ReadonlyMap<string, string | undefined>,
  resolve: (name: string) => Promise<string>,
): Promise<boolean> {
  for (const [name, value] of known) {
    const now = await resolve(name).catch(() => undefined);
    if (now !== value) return false;
  }
  return true;
}

/** The commit that an environment follows now: the tip of its branch, as of the last refresh. */
export function tipOf(session: Session, environment: string, branches: ReadonlyMap<string, string>): string {
  const branch = session.config.environments.get(environment)?.branch ?? environment;
  const tip = branches.get(branch);
  if (tip !== undefined) return tip;
  throw new TrueupError(
    "GIT_REVISION_MISSING",
    `environment ${environment} follows the branch \`${branch}\`, which is not there`,
    {
      hint: `branches: ${[...branches.keys()].sort().join(", ") || "none"}; a branch that is gone is never taken for "desired is empty"`,
    },
  );
}
