import { previewMemory } from "../previews/pass.js";
import { tendPreviews } from "../previews/tend.js";
import { asTrueupError } from "../reconcile/pass.js";
import type { Session } from "../reconcile/session.js";
import { isOver, pause } from "./pause.js";

/** Between two passes at least, in milliseconds: what is saved comes in bursts, and each pass asks the forge. */
const BREATH = 2_000;

/** Says on pull requests what they would change, while the controller runs: every interval, and when something was saved. */
export async function runPreviews(session: Session): Promise<void> {
  const { stop, log } = session;
  const memory = previewMemory();
  let lastFault = "";
  while (!stop.aborted) {
    const { next: news } = session.news;
    let patience = 0;
    try {
      await tendPreviews(session, memory, stop);
      lastFault = "";
    } catch (error) {
      if (isOver(stop)) return;
      const { code, message, hint, retryAfter } = asTrueupError(error);
      // The forge, git or the store is away: told once, and tried again.
      if (message !== lastFault) log.error({ event: "preview", code, hint }, message);
      lastFault = message;
      patience = retryAfter ?? 0;
    }
    await pause(Math.max(BREATH, patience), [stop]);
    await pause(session.config.interval, [stop, news]);
  }
}
