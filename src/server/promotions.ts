import { tendMemory, tendPromotions } from "../promotion/tend.js";
import { asTrueupError } from "../reconcile/pass.js";
import type { Session } from "../reconcile/session.js";
import { isOver, pause } from "./pause.js";

/** Between two passes at least, in milliseconds: what is saved comes in bursts. */
const BREATH = 500;

/** Tends promotions while the controller runs: every interval, and whenever a pass saved something or a person decided. */
export async function runPromotions(session: Session): Promise<void> {
  const { stop, log } = session;
  const memory = tendMemory();
  let lastFault = "";
  while (!stop.aborted) {
    const rung = [session.news.next, session.decided.next];
    try {
      await tendPromotions(session, memory, stop);
      lastFault = "";
    } catch (error) {
      if (isOver(stop)) return;
      const { code, message, hint } = asTrueupError(error);
      // Git or the store is away: told once, and tried again.
      if (message !== lastFault) log.error({ event: "promotion", code, hint }, message);
      lastFault = message;
    }
    await pause(BREATH, [stop]);
    await pause(session.config.interval, [stop, ...rung]);
  }
}
