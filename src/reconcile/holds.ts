import { holdOf } from "../core/hold.js";
import type { RenderedEnvironment, RenderedTarget } from "../render/rendered.js";
import type { ReviewedHold } from "../render/holds-file.js";
import type { Hold, NewEvent } from "../store/store.js";
import type { Restraint } from "./restraint.js";
import type { Session } from "./session.js";

/** The holds of one environment: what the store has, in force or ended and not yet told, and what git says. */
export interface HoldSources {
  readonly environment: RenderedEnvironment;
  readonly target: RenderedTarget;
  readonly stored: readonly Hold[];
  /** An instant, as `Date.toISOString()` writes it. */
  readonly now: string;
}

/** The holds of a target. Of reviewed ones git is asked, not the store's copy of them. */
export function holdsInForce({ environment, target, stored, now }: HoldSources): readonly (Hold | ReviewedHold)[] {
  const mine = [...stored.filter(({ source }) => source === "person"), ...environment.holds];
  return mine.filter((hold) => hold.target === target.name && hold.until > now);
}

/** Holds a target's findings back while a hold covers them. */
export function heldBack(sources: HoldSources): Restraint {
  const inForce = holdsInForce(sources);
  return (finding) => {
    const hold = holdOf(finding.path, inForce);
    if (hold === undefined) return undefined;
    return { why: "held", note: `held by ${hold.owner} until ${hold.until}: ${hold.reason}`, actions: [] };
  };
}

/**
 * Tells the history, once, which holds ended, and which git has added, changed or withdrawn. The store has a copy of the
 * reviewed ones for that: a hold that came and went while no controller ran is told by the next one.
 */
export async function tellHolds(session: Session, sources: HoldSources): Promise<void> {
  const { environment, target, stored, now } = sources;
  const ended = stored.filter(({ until }) => until <= now);
  // Of a target that does not load git may say nothing at all: what is not there is not withdrawn.
  const reviewed = "error" in target ? undefined : environment.holds.filter((hold) => hold.target === target.name);
  const copies = stored.filter((hold) => hold.source === "file" && hold.target === target.name && hold.until > now);
  const fresh = (reviewed ?? []).filter((hold) => hold.until > now && !copies.some((copy) => isSame(copy, hold)));
  const withdrawn = copies.filter((copy) => reviewed !== undefined && !reviewed.some(({ path }) => path === copy.path));
  // Git gave it another end, and that is over already.
  const shortened = copies.flatMap((copy) => {
    const said = reviewed?.find(({ path, until }) => path === copy.path && until <= now);
    return said === undefined ? [] : [{ copy, said }];
  });
  if (ended.length + fresh.length + withdrawn.length + shortened.length === 0) return;
  const { holds } = await session.store();
  const tell = async (changed: Promise<boolean>, event: NewEvent): Promise<void> => {
    if (!(await changed)) return;
    session.log.info({ environment: event.environment, target: event.target, event: event.type }, event.message);
  };
  for (const hold of ended) {
    const event = holdEvent("hold-ended", hold);
    await tell(holds.remove(hold, event), event);
  }
  for (const { copy, said } of shortened) {
    const event = holdEvent("hold-ended", { ...copy, ...said });
    await tell(holds.remove(copy, event), event);
  }
  for (const hold of withdrawn) {
    const event = holdEvent("hold-released", hold, "git no longer names it");
    await tell(holds.remove(hold, event), event);
  }
  for (const hold of fresh) {
    const given = { ...hold, environment: environment.name, source: "file" as const };
    const event = holdEvent("held", given);
    await tell(holds.set(given, event), event);
  }
}

/** What the history says of a hold. `why`: of its release. */
export function holdEvent(
  type: "held" | "hold-ended" | "hold-released",
  hold: Omit<Hold, "at" | "source">,
  why = "",
): NewEvent {
  const { environment, target, path, owner, reason, until } = hold;
  const what = path === "" ? target : path;
  const message = {
    held: `${what} is held by ${owner} until ${until}: ${reason}`,
    "hold-ended": `the hold of ${owner} on ${what} ended: ${reason}; drift is judged anew`,
    "hold-released": `the hold of ${owner} on ${what} is released: ${why}; drift is judged anew`,
  }[type];
  return { environment, target, type, message, detail: { owner, reason, until }, ...(path === "" ? {} : { path }) };
}

function isSame(a: ReviewedHold, b: ReviewedHold): boolean {
  return a.path === b.path && a.owner === b.owner && a.reason === b.reason && a.until === b.until;
}
