import type { Pointer } from "../../core/pointer.js";
import type { ReadyTarget } from "../../render/rendered.js";
import type { TargetPass } from "../pass.js";
import type { TargetReport } from "../report.js";
import { reconcileTarget } from "../target.js";

/** A person decided that these settings are to be as git says: by closing the pull request, or in a comment. */
export interface Reversion {
  readonly settings: ReadonlySet<Pointer>;
  /** Who, and how: the beginning of a sentence. */
  readonly by: string;
  /** Tells the person what came of it. */
  readonly answer?: (pass: TargetPass, reverted: TargetReport) => Promise<void>;
}

/** Heals the settings now, and says in the history on whose word. Holds and guards stand above it. */
export async function revertSettings(
  pass: TargetPass,
  target: ReadyTarget,
  { settings, by }: Reversion,
): Promise<TargetReport> {
  const heal = ({ path }: { path: Pointer }): boolean => settings.has(path);
  const reverted = await reconcileTarget(pass, target, { sync: false, confirm: false, heal, decided: true });
  const { environment, session } = pass;
  const events = (reverted.outcomes ?? [])
    .filter(({ path, result }) => settings.has(path) && (result === "healed" || result === "pendingRestart"))
    .map(({ path }) => ({
      ...{ environment: environment.name, target: target.name, path, revision: environment.revision },
      ...{ type: "reverted", message: `${by}: reverted ${path} to git`, detail: { by } },
    }));
  if (events.length > 0) await (await session.store()).history.append(events);
  return reverted;
}
