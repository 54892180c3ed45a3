import { z } from "zod";
import { TrueupError } from "../core/errors.js";
import type { Pointer } from "../core/pointer.js";
import type { Severity } from "../core/policy.js";
import type { Value } from "../core/value.js";
import { suggestion } from "../lib/suggest.js";
import {
  allPlans,
  type Approvable,
  approvalEvent,
  approvalOf,
  type Asked,
  givenBy,
  isVoid,
  type Planning,
  reportedPlan,
  waitingPlans,
} from "../reconcile/approval.js";
import { knowledge, refresh, targetPass } from "../reconcile/environment.js";
import { followedState } from "../reconcile/followed.js";
import { reported } from "../reconcile/judge.js";
import { memoryOf } from "../reconcile/memory.js";
import { see } from "../reconcile/pass.js";
import { type ReportedPlan, shortPlan } from "../reconcile/report.js";
import { rolloutFor } from "../reconcile/rollout.js";
import type { Session } from "../reconcile/session.js";
import { decodeStatus } from "../reconcile/status.js";
import type { Operation } from "./operation.js";
import { select, selectTarget } from "./selection.js";

export interface ApproveReport {
  readonly schemaVersion: 1;
  readonly did: "listed" | "shown" | "approved";
  /** Those that wait or are approved; of `approve ENVIRONMENT/TARGET HASH` the one that was approved. */
  readonly plans: readonly ApprovablePlan[];
}

export interface ApprovablePlan extends ReportedPlan {
  readonly environment: string;
  readonly target: string;
  /** Absent from a list. */
  readonly settings?: readonly PlannedChange[];
}

export interface PlannedChange {
  readonly path: Pointer;
  readonly action: "create" | "update" | "remove";
  /** Null where absent; a sensitive value is the beginning of its keyed hash. */
  readonly live: Value;
  readonly desired: Value;
  readonly severity: Severity;
  readonly sensitive?: true;
}

const argsSchema = z.object({
  /** `environment/target`; without one, plans that wait and approvals are listed. */
  word: z.string().optional(),
  /** A plan's hash or its beginning; without one, the plans that wait are shown. */
  plan: z.string().optional(),
  by: z.string(),
  because: z.string().optional(),
});
type Args = z.output<typeof argsSchema>;

/** Approves one very plan, by its hash: it is written with the next pass, and no other. */
export const approve: Operation<Args, ApproveReport> = {
  name: "approve",
  args: argsSchema,
  async run(session, { word, plan, by, because }, { signal }) {
    if (word === undefined) return { schemaVersion: 1, did: "listed", plans: await listed(session) };
    const planning = await look(session, word, signal);
    if (plan === undefined) {
      return { schemaVersion: 1, did: "shown", plans: waitingPlans(planning).map((one) => shown(planning, one)) };
    }
    const chosen = choose(planning, plan, word);
    const asked: ReportedPlan = reportedPlan(chosen, undefined);
    const approval = {
      ...{ environment: planning.pass.environment.name, target: planning.target.name },
      ...{ plan: chosen.plan, asked: JSON.stringify(asked), by },
      ...(because === undefined ? {} : { reason: because }),
    };
    const size = chosen.changes.length === 1 ? "1 change" : `${chosen.changes.length} changes`;
    const why = because === undefined ? "" : `: ${because}`;
    const message = `${by} approved the plan ${shortPlan(chosen.plan)} (${size})${why}`;
    const { approvals } = await session.store();
    await approvals.set(approval, approvalEvent("approved", approval, message));
    const given = await approvalOf(planning.pass, planning.target);
    session.decided.ring();
    return { schemaVersion: 1, did: "approved", plans: [shown({ ...planning, approval: given }, chosen)] };
  },
};

/** From the store alone: plans as the last passes left them, and the approvals. */
async function listed(session: Session): Promise<readonly ApprovablePlan[]> {
  const store = await session.store();
  const plans: ApprovablePlan[] = [];
  for (const environment of select(session, []).keys()) {
    const approvals = await store.approvals.list(environment);
    for (const [target, record] of await store.records.load(environment)) {
      const waiting = decodeStatus(record.status)?.report.plans ?? [];
      for (const { plan, verb, path, changes, severity } of waiting) {
        if (approvals.some((approval) => approval.target === target && approval.plan === plan)) continue;
        plans.push({ environment, target, plan, verb, ...(path === undefined ? {} : { path }), changes, severity });
      }
    }
    for (const approval of approvals) {
      const { target, asked } = approval;
      plans.push({ environment, target, ...(JSON.parse(asked) as ReportedPlan), approved: givenBy(approval) });
    }
  }
  return plans;
}

/** What a pass would find now. Writes nothing. @throws TrueupError USAGE, or why the target cannot be looked at */
async function look(session: Session, word: string, signal: AbortSignal): Promise<Planning> {
  const place = selectTarget(session, word, "an approval is of the plan of one target");
  const branches = await refresh(session, signal);
  const environment = await followedState(session, { environment: place.environment, branches, signal });
  const target = environment.targets.find(({ name }) => name === place.target);
  if (target === undefined) {
    const names = environment.targets.map(({ name }) => name);
    throw new TrueupError("USAGE", `environment ${environment.name} has no target \`${place.target}\``, {
      hint: suggestion(place.target, names),
    });
  }
  if ("error" in target) throw target.error;
  const pass = targetPass(session, {
    ...{ environment, target, signal },
    known: await knowledge(session, environment.name),
    rollout: await rolloutFor(session, environment),
  });
  const opened = await session.target(environment.name, target);
  const seen = await see(pass, target, opened, memoryOf(pass.record, target));
  const planning = { pass, target, seen, approval: await approvalOf(pass, target) };
  return isVoid(planning) ? { ...planning, approval: undefined } : planning;
}

/** @throws TrueupError USAGE where no plan has the hash any more */
function choose(planning: Planning, plan: string, word: string): Approvable {
  if (!/^[0-9a-f]{8,64}$/i.test(plan)) {
    throw new TrueupError("USAGE", `\`${plan}\` is not the hash of a plan`, {
      hint: `give at least its first 8 digits, as \`trueup approve ${word}\` shows them`,
    });
  }
  const [chosen, ...more] = allPlans(planning).filter((one) => one.plan.startsWith(plan.toLowerCase()));
  if (chosen !== undefined && more.length === 0) return chosen;
  if (chosen !== undefined) {
    throw new TrueupError("USAGE", `several plans of ${word} begin with ${plan}`, { hint: "give more of its digits" });
  }
  const now = waitingPlans(planning).map((one) => `${shortPlan(one.plan)} (${whose(one.asked)})`);
  throw new TrueupError(
    "USAGE",
    now.length === 0
      ? `no plan of ${word} waits for an approval`
      : `the plan of ${word} is not ${plan}, or no more: it is now ${now.join(", or ")}`,
    { hint: `look at it with \`trueup approve ${word}\`; what was approved was that other plan` },
  );
}

/** Who would write the plan. */
export function whose({ verb, path }: Asked): string {
  switch (verb) {
    case "pass":
      return "the next pass";
    case "sync":
      return "sync";
    case "adopt":
      return "sync --adopt desired";
    case "revert":
      return path === undefined ? "revert" : `revert of ${path}`;
  }
}

function shown({ pass, target, approval }: Planning, plan: Approvable): ApprovablePlan {
  const hash = pass.session.hash();
  return {
    environment: pass.environment.name,
    target: target.name,
    ...reportedPlan(plan, approval),
    settings: plan.changes.map((judged) => {
      const { path, live, desired, severity, sensitive } = reported(judged, hash);
      return { path, action: judged.finding.action, live, desired, severity, ...(sensitive && { sensitive }) };
    }),
  };
}
