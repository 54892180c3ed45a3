import { tendMemory, tendPromotions } from "../promotion/tend.js";
import type { Session } from "../reconcile/session.js";
import { runPasses } from "./passes.js";

/** Tends promotions while the controller runs: every interval, and whenever a pass saved something or a person decided. */
export async function runPromotions(session: Session): Promise<void> {
  const memory = tendMemory();
  await runPasses(session, {
    ...{ event: "promotion", breath: 500 },
    rung: () => [session.news.next, session.decided.next],
    pass: () => tendPromotions(session, memory, session.stop),
  });
}
