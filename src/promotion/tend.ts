import { asTrueupError } from "../reconcile/pass.js";
import { tipOf } from "../reconcile/desired.js";
import type { Session } from "../reconcile/session.js";
import { sourceFacts } from "./facts.js";
import { hopsOf } from "./hops.js";
import { type KeptPromotion, loadPromotions, promotionBranch } from "./promotion-desk.js";
import { tendHop } from "./promote.js";
import { bareHop, type Hop } from "./policy.js";
import type { HopReport } from "./report.js";

/** What a controller remembers between its passes, so that an idle one writes nothing. */
export interface TendMemory {
  /** By environment, the revision at which it was last noted to be in sync. */
  readonly runs: Map<string, string>;
  /** By environment, the fault that was last told. */
  readonly faults: Map<string, string>;
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
  const source = await session.source();
  const branches = new Map<string, string>();
  for (const { name, branch } of session.config.environments.values()) {
    for (const one of [branch, promotionBranch(name)]) {
      const tip = source.tip(one);
      if (tip !== undefined) branches.set(one, tip);
    }
  }
  const { hops, faults } = await hopsOf(session, branches, signal);
  const kept = await loadPromotions(session);
  const ordered = new Set(hops.flatMap(({ from, to }) => [from, to]));
  for (const name of ordered) await noteRun(session, memory, { name, branches, signal });
  for (const [name, fault] of faults) tellFault(session, memory, name, fault);
  const reports: HopReport[] = [];
  const tended: readonly Tended[] = [...hops.map((hop) => ({ hop, over: false })), ...others(hops, kept, session)];
  for (const { hop, over } of tended) {
    const known = kept.get(hop.to);
    if (!hop.auto && known === undefined) continue;
    try {
      reports.push(await tendHop({ session, hop, over, branches, known, signal }));
      memory.faults.delete(hop.to);
    } catch (error) {
      signal.throwIfAborted();
      tellFault(session, memory, hop.to, error);
    }
  }
  return reports;
}

interface Tended {
  readonly hop: Hop;
  readonly over: boolean;
}

/** Promotions under way into environments of which no order says anything: a person's goes on where no policy is at all; others end. */
function others(
  hops: readonly Hop[],
  kept: ReadonlyMap<string, KeptPromotion>,
  { config: { environments } }: Session,
): readonly Tended[] {
  const names = new Set(hops.map(({ to }) => to));
  return [...kept].flatMap(([to, { from, wantedBy }]) => {
    if (names.has(to) || !environments.has(to)) return [];
    const goesOn = hops.length === 0 && wantedBy !== undefined && environments.has(from);
    return [{ hop: bareHop(from, to), over: !goesOn }];
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

function tellFault({ log }: Session, { faults }: TendMemory, environment: string, error: unknown): void {
  const { code, message, hint } = asTrueupError(error);
  // The same fault in every pass is one line.
  if (faults.get(environment) === message) return;
  faults.set(environment, message);
  log.error({ environment, event: "promotion", code, hint }, message);
}
