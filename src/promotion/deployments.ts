import type { Deployment } from "../forges/forge.js";
import { tipOf } from "../reconcile/desired.js";
import { knowledge } from "../reconcile/environment.js";
import { asTrueupError } from "../reconcile/pass.js";
import type { Session } from "../reconcile/session.js";
import { decodeStatus } from "../reconcile/status.js";
import { sourceFacts } from "./facts.js";

interface Telling {
  readonly name: string;
  readonly branches: ReadonlyMap<string, string>;
  readonly signal: AbortSignal;
}

/**
 * Tells a forge that keeps deployments how an environment stands to the revision of its branch. What goes wrong is logged: it
 * holds nothing back.
 * @param told by environment, what was told last; after a restart the forge itself knows
 */
export async function tellDeployment(
  session: Session,
  told: Map<string, string>,
  { name, branches, signal }: Telling,
): Promise<void> {
  const { revisions } = (await session.forge()) ?? {};
  if (revisions === undefined) return;
  try {
    const commit = tipOf(session, name, branches);
    const state = await stateAt(session, { environment: name, revision: commit }, signal);
    const before = told.get(name);
    // What drifts was deployed all the same.
    const wasThere = state === "in_progress" && before === keyOf(commit, "success");
    if (state === undefined || wasThere || before === keyOf(commit, state)) return;
    const known = keyOf(commit, state);
    await revisions.deployment({ environment: name, commit, state }, signal).catch((error: unknown) => {
      // What is refused for good is not asked in every pass.
      if (asTrueupError(error).code === "DELIVERY_REFUSED") told.set(name, known);
      throw error;
    });
    told.set(name, known);
  } catch (error) {
    signal.throwIfAborted();
    const { code, message, hint } = asTrueupError(error);
    const what = `the deployment of ${name} is not told: ${message}`;
    session.log.warn({ environment: name, event: "deployment", code, hint }, what);
  }
}

function keyOf(commit: string, state: Deployment["state"]): string {
  return `${commit} ${state}`;
}

/** Undefined where nobody has looked yet, or nothing is to be applied. */
async function stateAt(
  session: Session,
  at: { readonly environment: string; readonly revision: string },
  signal: AbortSignal,
): Promise<Deployment["state"] | undefined> {
  const { records, suspended } = await knowledge(session, at.environment);
  if (suspended || records.size === 0) return undefined;
  const states = [...records.values()].map(({ status }) => decodeStatus(status)?.report.state);
  if (states.includes("Failed")) return "failure";
  const { rollouts } = await session.store();
  if ((await rollouts.failure(at.environment, at.revision)) !== undefined) return "failure";
  const { apart } = await sourceFacts(session, at, signal);
  return apart.length === 0 ? "success" : "in_progress";
}
