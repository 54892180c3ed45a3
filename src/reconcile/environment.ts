import PQueue from "p-queue";
import { formatPlace, TrueupError } from "../core/errors.js";
import { suggestion } from "../lib/suggest.js";
import type { RenderedEnvironment, RenderedTarget } from "../render/rendered.js";
import { type Tended, tendRollout } from "../rollouts/tend.js";
import { act } from "./act.js";
import { tipOf } from "./desired.js";
import { followedState } from "./followed.js";
import { newsOfRetired, untilCurrent } from "./incidents.js";
import { asTrueupError, type TargetPass } from "./pass.js";
import { heldBack } from "./holds.js";
import { endProposals } from "./proposal/retired.js";
import type { Wishes } from "./plan.js";
import { type EnvironmentReport, reportError, type TargetReport, worst } from "./report.js";
import { type KeptRollout, rolloutFor, waiting } from "./rollout.js";
import type { Session } from "./session.js";
import { lookAtTarget } from "./target.js";

/** Asks git once what moved. A branch that was force-pushed is followed, and the history says so. */
export async function refresh(session: Session, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const source = await session.source();
  const { branches, rewritten } = await source.refresh(signal);
  const events = rewritten.flatMap(({ branch, from, to }) =>
    [...session.config.environments.values()]
      .filter((environment) => environment.branch === branch)
      .map(({ name }) => ({
        environment: name,
        type: "branch-rewritten",
        revision: to,
        message: `the branch ${branch} was rewritten: ${from.slice(0, 10)} is no ancestor of ${to.slice(0, 10)}`,
      })),
  );
  if (events.length > 0) {
    await (await session.store()).history.append(events);
    for (const { environment, message } of events)
      session.log.warn({ environment, event: "branch-rewritten" }, message);
  }
  return branches;
}

export interface EnvironmentPass {
  readonly environment: string;
  readonly branches: ReadonlyMap<string, string>;
  /** Only these targets; all where left out. */
  readonly targets?: readonly string[];
  readonly signal: AbortSignal;
  /** Bounds how many targets are asked at a time, where several environments share the bound. */
  readonly queue?: PQueue;
  /** Told as each target is done, for a person who waits. */
  readonly progress?: ((report: TargetReport) => void) | undefined;
}

/** Compares an environment's targets with git. Writes nothing. */
export function diffEnvironment(session: Session, pass: EnvironmentPass): Promise<EnvironmentReport> {
  return overTargets(session, pass, lookAtTarget);
}

/** One reconcile pass over an environment's targets. */
export async function reconcileEnvironment(
  session: Session,
  pass: EnvironmentPass,
  wishes: Wishes,
): Promise<EnvironmentReport> {
  const over: OverTarget = (context, target) => act(context, target, wishes);
  const report = await inOrder(session, pass, { over, first: await overTargets(session, pass, over) });
  const { name, error, revision, targets } = report;
  if (error === undefined && revision !== null && pass.targets === undefined) {
    const named = targets.map((target) => target.name);
    const { runs } = await session.store();
    // From now on it soaks: where no controller runs, nobody else would note it.
    const soaks = report.state === "Synced" && named.length > 0;
    await Promise.all([
      forgetOthers(session, name, { named, revision }),
      soaks ? runs.note(name, revision) : undefined,
    ]);
  }
  return report;
}

interface InOrder {
  readonly over: OverTarget;
  readonly first: EnvironmentReport;
}

/**
 * Goes over the targets that waited for others once more, for as long as that lets one of them have its turn; where the revision
 * failed, over all of them, to restore what it changed.
 */
async function inOrder(session: Session, pass: EnvironmentPass, { over, first }: InOrder): Promise<EnvironmentReport> {
  let report = first;
  for (let before = Infinity; report.error === undefined;) {
    const tended = await tend(session, pass);
    if (tended === "failed") {
      report = await overTargets(session, pass, over);
      before = Infinity;
      continue;
    }
    const targets = report.targets.filter(isWaiting).map((target) => target.name);
    if (targets.length === 0 || (tended !== "moved" && targets.length === before)) break;
    before = targets.length;
    report = merged(report, await overTargets(session, { ...pass, targets }, over));
  }
  return report;
}

async function tend(session: Session, { environment: name, branches, signal }: EnvironmentPass): Promise<Tended> {
  try {
    const environment = await followedState(session, { environment: name, branches, signal });
    return await tendRollout({ session, environment, signal });
  } catch (error) {
    signal.throwIfAborted();
    const { code, message, hint } = asTrueupError(error);
    session.log.error({ environment: name, event: "rollout", code, hint }, message);
    return "idle";
  }
}

function isWaiting({ findings }: TargetReport): boolean {
  return findings.some(({ restrained }) => restrained === "waiting");
}

function merged(before: EnvironmentReport, { error, targets: again }: EnvironmentReport): EnvironmentReport {
  if (error !== undefined) return before;
  const targets = before.targets.map((target) => {
    const later = again.find(({ name }) => name === target.name);
    if (later === undefined) return target;
    const outcomes = [...(target.outcomes ?? []), ...(later.outcomes ?? [])];
    return { ...later, ...(outcomes.length > 0 && { outcomes }) };
  });
  const state = before.state === "Suspended" ? before.state : worst(targets.map((target) => target.state));
  return { ...before, targets, state };
}

/** Forgets what the store knows of targets that git no longer names. Nothing live is touched. */
export async function forgetOthers(
  session: Session,
  environment: string,
  { named, revision }: { named: readonly string[]; revision: string },
): Promise<void> {
  const { records } = await session.store();
  const ending = endProposals(session, { name: environment, revision }, named);
  const [known] = await Promise.all([records.load(environment), ending]);
  const gone = [...known.keys()].filter((name) => !named.includes(name));
  if (gone.length === 0) return;
  const message = "git no longer names the target: it is left as it is, and no longer looked at";
  const events = gone.map((target) => ({ environment, target, revision, type: "retired", message }));
  await untilCurrent(async () => {
    const news = await newsOfRetired(session, environment, gone);
    await records.remove(environment, gone, { events, ...(news && { news }) });
  });
  session.news.ring();
  for (const target of gone) session.log.info({ environment, target, event: "retired" }, message);
}

type OverTarget = (pass: TargetPass, target: RenderedTarget) => Promise<TargetReport>;

async function overTargets(session: Session, pass: EnvironmentPass, work: OverTarget): Promise<EnvironmentReport> {
  const { environment: name, branches, signal, progress } = pass;
  let revision: string | undefined;
  try {
    revision = tipOf(session, name, branches);
    const [environment, known] = await Promise.all([
      followedState(session, { environment: name, branches, signal }),
      knowledge(session, name),
    ]);
    ({ revision } = environment);
    const rollout = await rolloutFor(session, environment);
    const chosen = choose(environment, pass.targets);
    const queue = pass.queue ?? new PQueue({ concurrency: session.config.concurrency });
    const passes = await Promise.allSettled(
      chosen.map((target) =>
        queue.add(async () => {
          const report = await work(targetPass(session, { environment, target, known, rollout, signal }), target);
          progress?.(report);
          return report;
        }),
      ),
    );
    // Not before all are done: nobody may close the session under a write that is in hand.
    const targets = passes.map((settled) => {
      if (settled.status === "rejected") throw settled.reason;
      return settled.value;
    });
    const state = known.suspended ? "Suspended" : worst(targets.map((target) => target.state));
    const { failed: failedRevision } = environment;
    return { name, revision, state, ...warningsOf(environment), ...(failedRevision && { failedRevision }), targets };
  } catch (error) {
    signal.throwIfAborted();
    return failedEnvironment(name, revision, error);
  }
}

/** The report of an environment about which nothing can be said. */
export function failedEnvironment(name: string, revision: string | undefined, error: unknown): EnvironmentReport {
  const known = asTrueupError(error);
  const place = known.where === undefined ? undefined : formatPlace(known.where);
  return { name, revision: revision ?? null, state: "Failed", error: reportError(known, place), targets: [] };
}

/** What the store knows of an environment: a query for the records, the suspensions, the holds and the pull requests each. */
export async function knowledge(session: Session, environment: string) {
  const store = await session.store();
  const [records, suspensions, holds, proposals] = await Promise.all([
    store.records.load(environment),
    store.suspensions.list(),
    store.holds.list(environment),
    store.proposals.load(environment),
  ]);
  return {
    records,
    holds,
    proposals,
    suspended: suspensions.some((suspension) => suspension.environment === environment),
  };
}

export interface TargetPassOptions {
  readonly environment: RenderedEnvironment;
  readonly target: RenderedTarget;
  readonly known: Awaited<ReturnType<typeof knowledge>>;
  /** See `rolloutFor`. */
  readonly rollout: KeptRollout | undefined;
  readonly signal: AbortSignal;
}

/** What a pass over one target works with, of what is known of its environment. */
export function targetPass(session: Session, options: TargetPassOptions): TargetPass {
  const { environment, target, known, rollout: kept, signal } = options;
  const record = known.records.get(target.name);
  const proposal = known.proposals.get(target.name);
  const { suspended, holds } = known;
  const held = heldBack({ environment, target, stored: holds, now: new Date().toISOString() });
  const waits = waiting(target.name, { environment, records: known.records, kept });
  const restraints = waits === undefined ? [held] : [held, waits];
  return { session, environment, record, suspended, holds, restraints, proposal, signal };
}

function choose(environment: RenderedEnvironment, wanted: readonly string[] | undefined): readonly RenderedTarget[] {
  if (wanted === undefined || wanted.length === 0) return environment.targets;
  const names = environment.targets.map(({ name }) => name);
  const unknown = wanted.find((name) => !names.includes(name));
  if (unknown === undefined) return environment.targets.filter(({ name }) => wanted.includes(name));
  throw new TrueupError("USAGE", `environment ${environment.name} has no target \`${unknown}\``, {
    hint: suggestion(unknown, names),
  });
}

function warningsOf({ warnings }: RenderedEnvironment): { warnings?: readonly string[] } {
  return warnings.length === 0 ? {} : { warnings };
}
