import { withSince } from "../core/gate.js";
import type { Value } from "../core/value.js";
import type { PullRequest } from "../forges/forge.js";
import type { NewEvent } from "../store/store.js";
import type { HopPass } from "./hop-pass.js";
import type { HopLook } from "./look.js";
import { encodePromotion, type KeptPromotion, promotionBranch, tellingOf } from "./promotion-desk.js";

/** Nothing is to be done, and nothing that was told has changed. */
export function isQuiet(known: KeptPromotion | undefined, look: HopLook): boolean {
  if (look.step !== "wait" && look.step !== "block" && look.step !== "declined") return false;
  return known?.told === toldOf(look) && known.revision === look.revision;
}

function toldOf({ step, gates, candidate, why }: HopLook): string {
  return [step, why ?? candidate.relation, tellingOf(gates)].join("\n");
}

export function keptOf({ hop, known, wish, status = known?.status }: HopPass, look: HopLook): KeptPromotion {
  const { revision, tip, candidate } = look;
  const isKnown = known?.revision === revision && known.from === hop.from;
  const wantedBy = wish?.by ?? (isKnown ? known.wantedBy : undefined);
  const now = new Date().toISOString();
  return {
    ...{ from: hop.from, revision, onto: tip, closing: false, told: toldOf(look) },
    since: (isKnown ? known.since : undefined) ?? now,
    gates: withSince(look.gates, isKnown ? (known.gates ?? []) : [], now),
    ...(wantedBy === undefined ? {} : { wantedBy }),
    ...(candidate.relation === "ahead" ? { commit: candidate.commit } : {}),
    ...(status === undefined ? {} : { status }),
  };
}

export function numbered({ number, url }: PullRequest): { number: number; url: string } {
  return { number, url };
}

function by({ known, wish }: HopPass): string {
  const who = wish?.by ?? known?.wantedBy;
  return who === undefined ? "" : ` (asked for by ${who})`;
}

export async function keep({ session, hop }: HopPass, kept: KeptPromotion, told?: NewEvent): Promise<void> {
  const { promotions } = await session.store();
  await promotions.save(hop.to, { promotion: encodePromotion(kept), events: told === undefined ? [] : [told] });
}

export async function forget(
  { session, hop, branches, known, signal }: HopPass,
  arrival: { commit: string; revision: string } | undefined,
  told: NewEvent,
): Promise<void> {
  const source = await session.source();
  const head = promotionBranch(hop.to);
  const at = branches.get(head);
  // What somebody added to the branch stays.
  if (at !== undefined && at === known?.commit) {
    await source.remove(head, at, signal).catch(() => {
      signal.throwIfAborted();
    });
  }
  const { promotions } = await session.store();
  await promotions.save(hop.to, { ...(arrival && { arrival }), events: [told] });
}

export function event({ session, hop }: HopPass, type: string, message: string, revision?: string): NewEvent {
  session.log.info({ environment: hop.to, event: type }, message);
  return { environment: hop.to, type, message, ...(revision === undefined ? {} : { revision }) };
}

interface Promoted {
  /** The revision that travelled, */
  readonly revision: string;
  /** and the commit of the branch that brought it. */
  readonly commit: string;
  readonly mergedBy: string | undefined;
  readonly gates: KeptPromotion["gates"];
}

/** What the history says of a revision that arrived: how it came there, and who let it through. */
export function promotedEvent(pass: HopPass, { revision, commit, mergedBy, gates = [] }: Promoted): NewEvent {
  const { hop, known, wish } = pass;
  const askedBy = wish?.by ?? known?.wantedBy;
  const who = mergedBy === undefined ? by(pass) : ` (merged by ${mergedBy})`;
  const detail: Record<string, Value> = {
    ...{ from: hop.from, commit, gates: gates.map((gate): Value => ({ ...gate })) },
    ...(askedBy === undefined ? {} : { askedBy }),
    ...(mergedBy === undefined ? {} : { mergedBy }),
  };
  return { ...event(pass, "promoted", `promoted ${revision.slice(0, 10)} of ${hop.from}${who}`, revision), detail };
}
