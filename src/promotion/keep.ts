import type { PullRequest } from "../forges/forge.js";
import type { NewEvent } from "../store/store.js";
import type { HopLook, HopPass } from "./look.js";
import { encodePromotion, type KeptPromotion, promotionBranch, tellingOf } from "./promotion-desk.js";

/** Nothing is to be done, and nothing that was told has changed. */
export function isQuiet(known: KeptPromotion | undefined, look: HopLook): boolean {
  if (look.step !== "wait" && look.step !== "block" && look.step !== "declined") return false;
  return known?.told === toldOf(look) && known.revision === look.revision;
}

function toldOf({ step, gates, candidate }: HopLook): string {
  return [step, candidate.relation, tellingOf(gates)].join("\n");
}

export function keptOf({ hop, known, wish, status = known?.status }: HopPass, look: HopLook): KeptPromotion {
  const { revision, tip, candidate } = look;
  const isKnown = known?.revision === revision;
  const wantedBy = wish?.by ?? (isKnown ? known.wantedBy : undefined);
  return {
    ...{ from: hop.from, revision, onto: tip, closing: false, told: toldOf(look) },
    since: (isKnown ? known.since : undefined) ?? new Date().toISOString(),
    ...(wantedBy === undefined ? {} : { wantedBy }),
    ...(candidate.relation === "ahead" ? { commit: candidate.commit } : {}),
    ...(status === undefined ? {} : { status }),
  };
}

export function numbered({ number, url }: PullRequest): { number: number; url: string } {
  return { number, url };
}

export function by({ known, wish }: HopPass): string {
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
