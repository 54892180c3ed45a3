import { z } from "zod";
import { TrueupError } from "../core/errors.js";
import type { Finding } from "../core/finding.js";
import { settingAt } from "../core/apply.js";
import { desiredState, tipOf } from "../reconcile/desired.js";
import { knowledge, refresh, targetPass } from "../reconcile/environment.js";
import { type Explanation, explanationOf } from "../reconcile/explanation.js";
import { judge } from "../reconcile/judge.js";
import { memoryOf } from "../reconcile/memory.js";
import { see } from "../reconcile/pass.js";
import type { ReadyTarget, RenderedEnvironment } from "../render/rendered.js";
import type { Operation, OperationContext } from "./operation.js";
import { select } from "./selection.js";
import type { Session } from "../reconcile/session.js";

export interface ExplainReport {
  readonly schemaVersion: 1;
  readonly explanations: readonly Explanation[];
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
    const revision = tipOf(session, name, branches);
    const environment = await desiredState(session, { environment: name, revision, signal: context.signal });
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
): Promise<Explanation[]> {
  const known = await knowledge(session, environment.name);
  const pass = targetPass(session, { environment, target, known, signal: context.signal });
  const opened = await session.target(environment.name, target);
  const seen = await see(pass, target, opened, memoryOf(pass.record, target));
  const hash = session.hash();
  const found = seen.judged.filter(({ finding }) => path === undefined || finding.path === path);
  if (found.length > 0 || path === undefined) {
    return found.map(({ finding, sensitive }) =>
      explanationOf({ environment, target, finding, sensitive, found: true }),
    );
  }
  const desired = settingAt(opened.normalize(target.document), path, target.lists);
  if (desired === undefined) return [];
  const finding: Finding = { path, kind: "modified", action: "update", desired, live: desired, lastApplied: desired };
  return judge([finding], { environment, target, memo: {}, known: new Set(), hash }).map(({ sensitive }) =>
    explanationOf({ environment, target, finding, sensitive, found: false }),
  );
}
