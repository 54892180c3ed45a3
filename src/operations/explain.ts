import { z } from "zod";
import { TrueupError } from "../core/errors.js";
import type { Finding } from "../core/finding.js";
import { settingAt } from "../core/apply.js";
import { freezeRefusal } from "../core/freeze.js";
import type { Action } from "../core/policy.js";
import { knowledge, refresh, targetPass } from "../reconcile/environment.js";
import { type Explanation, explanationOf } from "../reconcile/explanation.js";
import { flappingRestraint } from "../reconcile/flapping.js";
import { followedState } from "../reconcile/followed.js";
import { judge, type Judged } from "../reconcile/judge.js";
import { memoryOf } from "../reconcile/memory.js";
import { see, type TargetPass } from "../reconcile/pass.js";
import { rolloutFor } from "../reconcile/rollout.js";
import type { ReadyTarget, RenderedEnvironment } from "../render/rendered.js";
import type { Operation, OperationContext } from "./operation.js";
import { select } from "./selection.js";
import type { Session } from "../reconcile/session.js";

export interface ExplainReport {
  readonly schemaVersion: 1;
  readonly explanations: readonly ExplainedNow[];
}

export interface ExplainedNow extends Explanation {
  /** What stands between the policy and the act now: a hold, a guard, a suspension, what a person adopted. Absent where nothing does. */
  readonly restraints?: readonly string[];
  /** What that leaves of the actions. */
  readonly left?: readonly Action[];
}

const argsSchema = z.object({
  environment: z.string(),
  /** A JSON Pointer; without one, every finding is explained. */
  path: z.string().optional(),
});

/** Which rule speaks of a setting, and why the ones before it did not. */
export const explain: Operation<z.output<typeof argsSchema>, ExplainReport> = {
  name: "explain",
  args: argsSchema,
  async run(session, { environment: word, path }, context) {
    const [selected] = select(session, [word]);
    if (selected === undefined) throw new TrueupError("USAGE", "name an environment");
    const [name, wanted] = selected;
    if (path?.startsWith("/") === false) {
      throw new TrueupError("USAGE", `\`${path}\` is not a setting`, {
        hint: `settings are JSON Pointers: write /${path}, or see \`trueup render ${name} --explain\``,
      });
    }
    const branches = await refresh(session, context.signal);
    const environment = await followedState(session, { environment: name, branches, signal: context.signal });
    const ready = environment.targets.flatMap((target) => ("error" in target ? [] : [target]));
    const targets = ready.filter((target) => wanted === undefined || wanted.includes(target.name));
    const explanations = await Promise.all(
      targets.map((target) => explainTarget(session, { environment, target, path, context })),
    );
    const all = explanations.flat();
    if (all.length === 0 && path !== undefined) {
      throw new TrueupError("USAGE", `no target of ${name} has a setting ${path}`, {
        hint: `\`trueup render ${name} --explain\` lists the settings`,
      });
    }
    return { schemaVersion: 1, explanations: all };
  },
};

interface ExplainTarget {
  readonly environment: RenderedEnvironment;
  readonly target: ReadyTarget;
  readonly path: string | undefined;
  readonly context: OperationContext;
}

async function explainTarget(
  session: Session,
  { environment, target, path, context }: ExplainTarget,
): Promise<ExplainedNow[]> {
  const known = await knowledge(session, environment.name);
  const rollout = await rolloutFor(session, environment);
  const pass = targetPass(session, { environment, target, known, rollout, signal: context.signal });
  const opened = await session.target(environment.name, target);
  const seen = await see(pass, target, opened, memoryOf(pass.record, target));
  const hash = session.hash();
  const found = seen.judged.filter(({ finding }) => path === undefined || finding.path === path);
  const explained = (judged: Judged, isFound: boolean): ExplainedNow => {
    const { finding, sensitive } = judged;
    const explanation = explanationOf({ environment, target, finding, sensitive, found: isFound });
    return { ...explanation, ...inForce(pass, judged) };
  };
  if (found.length > 0 || path === undefined) return found.map((judged) => explained(judged, true));
  const desired = settingAt(opened.normalize(target.document), path, target.lists);
  if (desired === undefined) return [];
  const finding: Finding = { path, kind: "modified", action: "update", desired, live: desired, lastApplied: desired };
  const restraints = [...pass.restraints, flappingRestraint(seen.flapping, environment.policy.guards.flapping)];
  return judge([finding], { environment, target, memo: {}, known: new Set(), restraints, hash }).map((judged) =>
    explained(judged, false),
  );
}

/** Beside what judging heeds already: what a pass meets when it is about to act. */
function inForce(
  { environment, suspended }: TargetPass,
  { note, decision }: Judged,
): Pick<ExplainedNow, "restraints" | "left"> {
  const writes = (action: Action): boolean => action === "heal" || action === "sync";
  const freeze = decision.actions.some(writes)
    ? freezeRefusal(environment.policy.guards.freeze(environment.name, Date.now()))
    : undefined;
  const suspension = suspended ? `${environment.name} is suspended: nothing is written or proposed` : undefined;
  const restraints = [note, freeze, suspension].filter((one) => one !== undefined);
  if (restraints.length === 0) return {};
  const unfrozen = freeze === undefined ? decision.actions : decision.actions.filter((action) => !writes(action));
  return { restraints, left: suspended ? unfrozen.filter((action) => action === "alert") : unfrozen };
}
