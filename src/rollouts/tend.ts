import { type Rollout, rolloutStep, type RolloutGroup, wavesOf } from "../core/rollout.js";
import { oncePer } from "../lib/once-per.js";
import { joined } from "../lib/signals.js";
import { untilCurrent } from "../reconcile/incidents.js";
import { withLease } from "../reconcile/lease.js";
import { encodeRollout, type KeptRollout, loadRollout, rolloutFacts } from "../reconcile/rollout.js";
import type { Session } from "../reconcile/session.js";
import { decodeStatus } from "../reconcile/status.js";
import type { RenderedEnvironment } from "../render/rendered.js";
import type { NewEvent, TargetRecord } from "../store/store.js";
import { newsOfFailure } from "./alert.js";
import type { RolloutPass } from "./pass.js";
import { endRevert, proposeRevert } from "./revert.js";

/**
 * `moved`: passes over the targets may do more now. `failed`: another revision is followed from now on. `soon`: something is
 * asked again in a moment.
 */
export type Tended = "idle" | "soon" | "moved" | "failed";

/**
 * Sees to how an environment's revision rolls out: asks the probes of a group that has it, says when it is done, and marks it as
 * failed where they, or a target, do not recover in time; then the environment follows the last good revision. What was done is
 * kept: another controller, or this one after a restart, goes on from there.
 * @throws TrueupError of the store, of git and of the forge; the next pass begins anew
 */
export async function tendRollout(pass: RolloutPass): Promise<Tended> {
  const { session, environment } = pass;
  const { name, rollout, failed } = environment;
  const hasGroups = rollout !== undefined && rollout.groups.length > 0;
  const known = await loadRollout(session, name);
  if (failed === undefined && known?.state !== "failed") {
    if (!hasGroups || (known?.state === "done" && known.revision === environment.revision)) return "idle";
  }
  return alone(pass, async (mine) => {
    const kept = await loadRollout(session, name);
    if (failed !== undefined) return tendFailed(mine, kept, failed);
    const moved = kept?.state === "failed" ? await moveOn(mine, kept) : kept;
    return hasGroups ? advance(mine, rollout, await begun(mine, moved)) : "idle";
  });
}

const busyIn = oncePer<Session, Set<string>>(() => new Set());

/** One at a time sees to an environment, of all controllers and, within one, of its loop and who syncs by hand. */
async function alone(pass: RolloutPass, work: (pass: RolloutPass) => Promise<Tended>): Promise<Tended> {
  const { session, environment, signal } = pass;
  const { name } = environment;
  const busy = busyIn(session);
  if (busy.has(name)) return "soon";
  busy.add(name);
  try {
    const done = await withLease(session, { environment: `rollout/${name}`, patience: 0 }, async (lost) => {
      const held = joined([signal, lost]);
      return work({ ...pass, signal: held.signal }).finally(held.release);
    });
    return done.held ? done.result : "idle";
  } finally {
    busy.delete(name);
  }
}

/** The branch is where another revision failed no more: nobody needs to hear of that one, or to revert it. */
async function moveOn(pass: RolloutPass, kept: KeptRollout): Promise<KeptRollout> {
  await endRevert(pass, kept);
  const { revision, rollout } = pass.environment;
  const state = rollout === undefined || rollout.groups.length === 0 ? "done" : "going";
  const next: KeptRollout = { revision, state, healthy: [] };
  await keep(pass, next, { alert: undefined });
  return next;
}

async function begun({ session, environment }: RolloutPass, kept: KeptRollout | undefined): Promise<KeptRollout> {
  const { revision } = environment;
  if (kept?.revision === revision) return kept;
  const fresh: KeptRollout = { revision, state: "going", healthy: [] };
  if (kept?.state !== "done") return fresh;
  const source = await session.source();
  const [was, is] = await Promise.all(
    [kept.revision, revision].map((one) => source.treeId(one, "environments", "policies").catch(() => undefined)),
  );
  // A README changes nothing that runs.
  return was !== undefined && was === is ? { ...kept, revision } : fresh;
}

async function advance(pass: RolloutPass, rollout: Rollout, begin: KeptRollout): Promise<Tended> {
  const { session, environment } = pass;
  const records = await (await session.store()).records.load(environment.name);
  let kept = begin;
  for (;;) {
    const next = rolloutStep(rollout, rolloutFacts({ environment, records, kept }));
    if (next.step === "wait") {
      await keep(pass, withoutClock(kept));
      return kept === begin ? "idle" : "moved";
    }
    if (next.step === "done") {
      await finish(pass, rollout, kept);
      return kept === begin ? "idle" : "moved";
    }
    const { group } = next;
    const ill =
      next.step === "trouble" ? troubleOf(next.target, group, records) : await illness(pass, group, next.drifted);
    if (ill === undefined) {
      kept = { ...withoutClock(kept), healthy: [...kept.healthy, group.name] };
      const message = `the probes of the group ${group.name} are healthy: ${group.probes.join(", ")}`;
      await keep(pass, kept, { event: event(pass, "rollout-healthy", message) });
      continue;
    }
    // What probes say of a branch that moved on meanwhile is said of another revision.
    if (await isPast(pass)) return "soon";
    const since = kept.since ?? new Date().toISOString();
    if (Date.now() - Date.parse(since) >= rollout.probeTimeout) return fail(pass, rollout, { kept, reason: ill });
    await keep(pass, { ...kept, since });
    return "soon";
  }
}

async function isPast({ session, environment: { name, revision } }: RolloutPass): Promise<boolean> {
  const { branch = name } = session.config.environments.get(name) ?? {};
  return (await session.source()).tip(branch) !== revision;
}

function withoutClock({ revision, state, healthy }: KeptRollout): KeptRollout {
  return { revision, state, healthy };
}

function troubleOf(target: string, { name }: RolloutGroup, records: ReadonlyMap<string, TargetRecord>): string {
  const report = decodeStatus(records.get(target)?.status ?? "")?.report;
  const why = report?.error === undefined ? "" : `: ${report.error.message}`;
  return `${target}, of the group ${name}, failed to apply it${why}`;
}

/** Why a group is not healthy; undefined: it is. All of its probes are asked at once. */
async function illness(
  { session, environment, signal }: RolloutPass,
  group: RolloutGroup,
  drifted: string | undefined,
): Promise<string | undefined> {
  const results = await Promise.all(
    group.probes.map(async (name) => {
      const probe = await session.probe(environment.name, name);
      const { healthy, detail } = await probe.check(signal);
      return healthy ? [] : [`${name}: ${detail}`];
    }),
  );
  const ill = results.flat();
  const beside = drifted === undefined ? "" : `; ${drifted} has drifted`;
  return ill.length === 0 ? undefined : `the group ${group.name} is not healthy: ${ill.join("; ")}${beside}`;
}

async function finish(pass: RolloutPass, { groups }: Rollout, kept: KeptRollout): Promise<void> {
  const { session, environment } = pass;
  const { runs } = await session.store();
  await runs.note(environment.name, kept.revision);
  const message = `rolled out ${kept.revision.slice(0, 10)}: ${groups.map(({ name }) => name).join(", ")}`;
  // One that only went on to a commit of the same content is no news.
  await keep(
    pass,
    { ...withoutClock(kept), state: "done" },
    kept.state === "done" ? {} : { event: event(pass, "rolled-out", message) },
  );
}

async function fail(
  pass: RolloutPass,
  rollout: Rollout,
  { kept: { revision, healthy }, reason }: { kept: KeptRollout; reason: string },
): Promise<Tended> {
  const failure = { reason, at: new Date().toISOString() };
  const kept: KeptRollout = { revision, state: "failed", healthy, failure, order: wavesOf(rollout) };
  const message = `the revision ${revision.slice(0, 10)} failed, and is not tried again: ${reason}`;
  const alert = { revision, reason };
  await keep(pass, kept, { alert, failed: alert, event: event(pass, "rollout-failed", message) });
  return "failed";
}

/** Proposes to revert it, once. */
async function tendFailed(
  pass: RolloutPass,
  known: KeptRollout | undefined,
  { revision, reason, at }: NonNullable<RenderedEnvironment["failed"]>,
): Promise<Tended> {
  // A branch may have been set back to a revision that failed before.
  const isKnown = known?.state === "failed" && known.revision === revision;
  if (!isKnown && known?.state === "failed") await endRevert(pass, known);
  const kept: KeptRollout = isKnown ? known : { revision, state: "failed", healthy: [], failure: { reason, at } };
  await keep(pass, kept, { alert: { revision, reason } });
  const pull = await proposeRevert(pass, kept);
  if (pull !== undefined) {
    const message = `proposes to revert ${revision.slice(0, 10)}: ${pull.url}`;
    await keep(pass, { ...kept, pull }, { event: event(pass, "rollout-revert-proposed", message) });
  }
  return "idle";
}

interface Failure {
  readonly revision: string;
  readonly reason: string;
}

interface Keeping {
  readonly event?: NewEvent;
  /** Present where an alert begins, goes on, or, undefined, ends. */
  readonly alert?: Failure | undefined;
  readonly failed?: Failure;
}

/** Saves what changed, with what people are told of it. */
async function keep(pass: RolloutPass, kept: KeptRollout, keeping: Keeping = {}): Promise<void> {
  const { session, environment } = pass;
  const { rollouts } = await session.store();
  const { event: told, failed, alert } = keeping;
  const rollout = encodeRollout(kept);
  const isNew = (await rollouts.load(environment.name)) !== rollout;
  await untilCurrent(async () => {
    const news = "alert" in keeping ? await newsOfFailure(session, environment.name, alert) : undefined;
    if (!isNew && told === undefined && news === undefined) return;
    const events = told === undefined ? [] : [told];
    await rollouts.save(environment.name, { rollout, events, news, ...(failed && { failed }) });
    if (told !== undefined || news !== undefined) session.news.ring();
  });
}

function event({ session, environment }: RolloutPass, type: string, message: string): NewEvent {
  const revision = environment.failed?.revision ?? environment.revision;
  const level = type === "rollout-failed" ? "error" : "info";
  session.log[level]({ environment: environment.name, event: type, revision: revision.slice(0, 10) }, message);
  return { environment: environment.name, type, message, revision };
}
