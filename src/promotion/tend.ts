import { asTrueupError } from "../reconcile/pass.js";
import { tipOf } from "../reconcile/desired.js";
import type { Session } from "../reconcile/session.js";
import { sourceFacts } from "./facts.js";
import { tendBackport } from "./backport/tend.js";
import { tellDeployment } from "./deployments.js";
import { sideBySide } from "../lib/side-by-side.js";
import type { HopPass } from "./hop-pass.js";
import { type HopMemory, hopMemory } from "./hop-memory.js";
import { HOPS_AT_ONCE, hopsOf, type Hops } from "./hops.js";
import type { Hotfixes } from "./backport/hotfixes.js";
import { backportBranch, backportKey, type KeptPromotion, loadPromotions, promotionBranch } from "./promotion-desk.js";
import { idleReport, tendHop } from "./promote.js";
import { bareHop, type Hop } from "./policy.js";
import type { HopReport } from "./report.js";

/** What a controller remembers between its passes, so that an idle one writes nothing. */
export interface TendMemory {
  /** By environment, the revision at which it was last noted to be in sync. */
  readonly runs: Map<string, string>;
  /** By environment, how its deployment was last told to the forge. */
  readonly deployments: Map<string, string>;
  /** By environment, the fault that was last told. */
  readonly faults: Map<string, string>;
  /** What git said of the hops. */
  readonly hops: HopMemory;
  /** By environment, its hotfixes as they were found last. */
  readonly hotfixes: Map<string, { readonly tips: string; readonly hotfixes: Hotfixes }>;
}

export function tendMemory(): TendMemory {
  return { runs: new Map(), deployments: new Map(), faults: new Map(), hops: hopMemory(), hotfixes: new Map() };
}

/**
 * One pass over all promotions, with what the mirror knows: notes which environments run which revision, and tends each hop
 * that goes by itself or is under way. A hop that fails is told once; the others go on.
 */
export async function tendPromotions(
  session: Session,
  memory: TendMemory,
  signal: AbortSignal,
): Promise<readonly HopReport[]> {
  const kept = await loadPromotions(session);
  const branches = await tipsOf(session, kept);
  // Nothing was heard of git yet: that a branch is not there is no news.
  if (branches.size === 0) return [];
  const { hops, faults } = await hopsOf(session, branches, signal);
  await noteRuns(session, memory, { branches, signal });
  for (const [name, fault] of faults) tellFault(session, memory, name, fault);
  const reports: HopReport[] = [];
  const tended: readonly Tended[] = [
    ...hops.map((hop) => ({ hop, over: false })),
    ...others({ hops, faults }, kept, session),
  ];
  const passes = tended.flatMap(({ hop, over }): readonly HopPass[] => {
    const known = kept.get(hop.to);
    if (!hop.auto && known === undefined) return [];
    return [{ session, hop, over, branches, known, memory: memory.hops, signal }];
  });
  // Mostly nothing is to be done, and looking is waiting. What is done is done in order, and after another look: time has passed.
  const looks = await sideBySide(passes, HOPS_AT_ONCE, idleReport);
  for (const [index, pass] of passes.entries()) {
    const { hop } = pass;
    try {
      const look = looks[index];
      if (look?.status === "rejected") throw look.reason;
      reports.push(look?.value ?? (await tendHop(pass)));
      memory.faults.delete(hop.to);
    } catch (error) {
      signal.throwIfAborted();
      // A merge that was made long ago may have gone from the mirror.
      memory.hops.candidates.delete(hop.to);
      tellFault(session, memory, hop.to, error);
    }
  }
  await tendBackports(session, memory, { hops: { hops, faults }, kept, signal });
  // Last: GitHub takes a write a second.
  for (const name of session.config.environments.keys())
    await tellDeployment(session, memory.deployments, { name, branches, signal });
  return reports;
}

/** The branches that promotion has to do with, as the mirror knows them: of environments that trueup.yaml no longer names, too. */
async function tipsOf(
  session: Session,
  kept: ReadonlyMap<string, KeptPromotion>,
): Promise<ReadonlyMap<string, string>> {
  const source = await session.source();
  const environments = [...session.config.environments.values()];
  const own = [...environments.map(({ name }) => name), ...[...kept].flatMap(([to, { from }]) => [to, from])];
  const names = [
    ...environments.map(({ branch }) => branch),
    ...[...new Set(own)].flatMap((name) => [promotionBranch(name), backportBranch(name)]),
  ];
  return new Map(
    names.flatMap((name) => {
      const tip = source.tip(name);
      return tip === undefined ? [] : [[name, tip]];
    }),
  );
}

interface Backporting {
  readonly hops: Hops;
  readonly kept: ReadonlyMap<string, KeptPromotion>;
  readonly signal: AbortSignal;
}

/** After the promotions, which may have moved branches. What was offered by an environment that is no longer to, ends. */
async function tendBackports(
  session: Session,
  memory: TendMemory,
  { hops: { hops, faults }, kept, signal }: Backporting,
): Promise<void> {
  const branches = await tipsOf(session, kept);
  const offering = hops.flatMap(({ to, from, backport }) =>
    backport === undefined ? [] : [{ environment: to, from, into: backport }],
  );
  const names = new Set(offering.map(({ environment }) => environment));
  const ending = [...kept].flatMap(([key, { from: environment }]) =>
    key !== backportKey(environment) || names.has(environment) || faults.has(environment)
      ? []
      : [{ environment, from: "", into: undefined }],
  );
  for (const one of [...offering, ...ending]) {
    const key = backportKey(one.environment);
    try {
      await tendBackport({ ...one, session, branches, known: kept.get(key), found: memory.hotfixes, signal });
      memory.faults.delete(key);
    } catch (error) {
      signal.throwIfAborted();
      // What the mirror was to have may be gone.
      memory.hotfixes.delete(one.environment);
      tellFault(session, memory, key, error);
    }
  }
}

interface Tended {
  readonly hop: Hop;
  readonly over: boolean;
}

/**
 * Promotions under way into environments of which no order says anything: a person's goes on where no policy is at all; others
 * end. Where the order cannot be read, nothing is known against them.
 */
function others(
  { hops, faults }: Hops,
  kept: ReadonlyMap<string, KeptPromotion>,
  { config: { environments } }: Session,
): readonly Tended[] {
  const names = new Set(hops.map(({ to }) => to));
  return [...kept].flatMap(([to, { from, wantedBy }]) => {
    if (names.has(to) || faults.has(to) || to === backportKey(from)) return [];
    const goesOn = hops.length === 0 && wantedBy !== undefined && environments.has(from) && environments.has(to);
    return [{ hop: bareHop(from, to), over: !goesOn }];
  });
}

interface Running {
  readonly branches: ReadonlyMap<string, string>;
  readonly signal: AbortSignal;
}

/** Of every environment, promoted or not: where a roll-back goes to, and what the history of revisions says, is known by it. */
async function noteRuns(session: Session, memory: TendMemory, { branches, signal }: Running): Promise<void> {
  const environments = [...session.config.environments.values()];
  const names = environments.flatMap(({ name, branch }) => (branches.has(branch) ? [name] : []));
  const noted = await sideBySide(names, HOPS_AT_ONCE, (name) => noteRun(session, memory, { name, branches, signal }));
  signal.throwIfAborted();
  names.forEach((name, index) => {
    const one = noted[index];
    // Beside the hop into it: that may go well.
    if (one?.status === "rejected") tellFault(session, memory, `run/${name}`, one.reason);
    else memory.faults.delete(`run/${name}`);
  });
}

interface Noting {
  readonly name: string;
  readonly branches: ReadonlyMap<string, string>;
  readonly signal: AbortSignal;
}

async function noteRun(session: Session, { runs }: TendMemory, { name, branches, signal }: Noting): Promise<void> {
  const revision = tipOf(session, name, branches);
  if (runs.get(name) === revision) return;
  const { apart } = await sourceFacts(session, { environment: name, revision }, signal);
  if (apart.length > 0) return;
  await (await session.store()).runs.note(name, revision);
  runs.set(name, revision);
}

/** @param key the environment, its `backportKey`, or what else of it is looked at */
function tellFault({ log }: Session, { faults }: TendMemory, key: string, error: unknown): void {
  const { code, message, hint } = asTrueupError(error);
  // The same fault in every pass is one line.
  if (faults.get(key) === message) return;
  faults.set(key, message);
  log.error({ environment: key, event: "promotion", code, hint }, message);
}
