import { createHash } from "node:crypto";
import { listScope, within } from "../core/lists.js";
import { parsePointer, type Pointer } from "../core/pointer.js";
import { SEVERITIES, type Severity } from "../core/policy.js";
import { canonical } from "../core/same.js";
import type { Value } from "../core/value.js";
import type { ReadyTarget } from "../render/rendered.js";
import type { Approval, NewEvent } from "../store/store.js";
import { isDrift } from "./adopt.js";
import { levelOf } from "./events.js";
import type { Judged } from "./judge.js";
import type { Look } from "./look.js";
import type { TargetPass } from "./pass.js";
import { type Approving, type Plan, planOf, wanted, type Wishes } from "./plan.js";
import { type ReportedPlan, shortPlan, type TargetReport } from "./report.js";
import { sealOf } from "./seal.js";

/** Whose plan it is: what a pass of the controller would write, `sync`, `sync --adopt desired`, or `revert`, of one setting or all. */
export interface Asked {
  readonly verb: "pass" | "sync" | "adopt" | "revert";
  readonly path?: Pointer;
}

function wishesOf({ verb, path }: Asked): Wishes {
  const none = { sync: false, confirm: false } as const;
  switch (verb) {
    case "pass":
      return none;
    case "sync":
      return { ...none, sync: true };
    case "adopt":
      return { ...none, sync: true, adopt: "desired" };
    case "revert":
      return { ...none, heal: (finding) => isDrift(finding) && (path === undefined || path === finding.path) };
  }
}

/** The approval that the target has; undefined without asking the store where the policy wants none of any plan of it. */
export async function approvalOf(
  { session, environment }: TargetPass,
  target: Pick<ReadyTarget, "name">,
): Promise<Approval | undefined> {
  if (!environment.policy.guards.approval.covers(environment.name, target.name)) return undefined;
  const { approvals } = await session.store();
  return (await approvals.list(environment.name)).find((one) => one.target === target.name);
}

/** What a look gives to make plans of. */
export interface Planning {
  readonly pass: TargetPass;
  readonly target: ReadyTarget;
  readonly seen: Look;
  readonly approval: Approval | undefined;
}

/** The plan of a target under what a person asked for, or nobody. */
export function planFor({ pass, target, seen, approval }: Planning, wishes: Wishes): Plan {
  const { environment } = pass;
  const { guards } = environment.policy;
  return planOf(seen.judged, {
    ...{ wishes, guards, managed: seen.comparison.managed, exclusive: target.exclusive },
    restoring: environment.failed !== undefined && environment.failed.revision !== environment.revision,
    freeze: () => guards.freeze(environment.name, Date.now()),
    approving: approving(pass, target, approval),
  });
}

function approving(pass: TargetPass, target: ReadyTarget, approval: Approval | undefined): Approving {
  const { environment } = pass;
  return {
    asks: (planned) => {
      const count = (is: (judged: Judged) => boolean): number => planned.filter(is).length;
      return environment.policy.guards.approval.asks({
        ...{ environment: environment.name, target: target.name, targetKind: target.kindName },
        changes: planned.length,
        creates: count(({ finding }) => finding.action === "create"),
        updates: count(({ finding }) => finding.action === "update"),
        removals: count(({ finding }) => finding.action === "remove"),
        pending: count(({ finding }) => finding.kind === "pending"),
        severity: worstOf(planned),
      });
    },
    hash: (planned) => planHash(pass, target, planned),
    approved: approval?.plan,
  };
}

/**
 * The hash of a plan: of each change the setting, the live value that is overwritten and the value that is written. The same
 * changes have the same hash after a restart, on another controller and at another revision. SHA-256 without a key, for what a
 * person approves is to be the same for all who share a store; but a secret enters as its keyed hash: without the key one could
 * try passwords against a plan. Controllers that share a store share the key (docs/security.md).
 */
function planHash({ session, environment }: TargetPass, target: ReadyTarget, planned: readonly Judged[]): string {
  const side = ({ finding: { path }, sensitive }: Judged, value: Value | undefined): string | null => {
    if (value === undefined) return null;
    if (sensitive) return sealOf(session.hash(), path, value);
    return canonical(value, parsePointer(path).reduce(within, listScope(target.lists)));
  };
  const changes = planned
    .map((judged) => [judged.finding.path, side(judged, judged.finding.live), side(judged, judged.finding.desired)])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  const text = JSON.stringify(["trueup plan 1", environment.name, target.name, changes]);
  return createHash("sha256").update(text).digest("hex");
}

/** A plan that a person can approve. */
export interface Approvable {
  readonly asked: Asked;
  readonly plan: string;
  readonly changes: readonly Judged[];
}

/** Plans that need an approval, of those who are named; the same plan is that of the first. */
function approvable(planning: Planning, verbs: readonly Asked[]): readonly Approvable[] {
  const plans = new Map<string, Approvable>();
  for (const asked of verbs) {
    const { hash, findings } = planFor(planning, wishesOf(asked));
    if (hash === undefined || plans.has(hash)) continue;
    const changes = planning.seen.judged.filter(({ finding }) => findings.includes(finding));
    plans.set(hash, { asked, plan: hash, changes });
  }
  return [...plans.values()];
}

/** What waits for an approval by itself: what the controller would write, and what `sync` would write beyond. */
export function waitingPlans(planning: Planning): readonly Approvable[] {
  return approvable(planning, [{ verb: "pass" }, { verb: "sync" }]);
}

/** Everything that can be approved: what a person could ask for, too. */
export function allPlans(planning: Planning): readonly Approvable[] {
  const single = planning.seen.judged.map(({ finding: { path } }): Asked => ({ verb: "revert", path }));
  return approvable(planning, [
    ...(["pass", "sync", "adopt", "revert"] as const).map((verb): Asked => ({ verb })),
    ...single,
  ]);
}

/** The plans that wait for an approval or have one, as a report shows them. */
export function reportedPlans(planning: Planning): Pick<TargetReport, "plans"> {
  const plans = waitingPlans(planning).map((plan) => reportedPlan(plan, planning.approval));
  return plans.length === 0 ? {} : { plans };
}

export function reportedPlan({ asked, plan, changes }: Approvable, approval: Approval | undefined): ReportedPlan {
  const given = approval?.plan === plan ? approval : undefined;
  const size = { changes: changes.length, severity: worstOf(changes) };
  return { plan, ...asked, ...size, ...(given && { approved: givenBy(given) }) };
}

function worstOf(changes: readonly Judged[]): Severity {
  return SEVERITIES.findLast((each) => changes.some(({ decision }) => decision.severity === each)) ?? "low";
}

export function givenBy({ by, at, reason }: Approval): NonNullable<ReportedPlan["approved"]> {
  return { by, at, ...(reason === undefined ? {} : { reason }) };
}

/** Whether a look shows that the plan is no more what was approved. */
export function isVoid({ pass, target, seen, approval }: Planning): boolean {
  if (approval === undefined) return false;
  const wishes = wishesOf(JSON.parse(approval.asked) as Asked);
  const planned = seen.judged.filter((judged) => wanted(judged, { ...wishes, exclusive: target.exclusive }));
  return planHash(pass, target, planned) !== approval.plan;
}

/** Ends an approval, and tells of it once. */
export async function endApproval(
  { session, environment }: TargetPass,
  approval: Approval,
  type: "approval-void" | "approval-used",
): Promise<void> {
  const { approvals } = await session.store();
  const said =
    type === "approval-used"
      ? "is used: the plan was written"
      : "is void: what would be written now is not what was approved";
  const event = approvalEvent(
    type,
    approval,
    `the approval of the plan ${shortPlan(approval.plan)} by ${approval.by} ${said}`,
  );
  if (!(await approvals.remove(approval, event))) return;
  const { target, message } = event;
  session.log[levelOf(type)]({ environment: environment.name, target, event: type }, message);
}

/** What the history says of an approval. */
export function approvalEvent(type: string, approval: Omit<Approval, "at">, message: string): NewEvent {
  const { environment, target, plan, by, reason } = approval;
  return { environment, target, type, message, detail: { plan, by, ...(reason === undefined ? {} : { reason }) } };
}
