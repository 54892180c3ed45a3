import { previewMemory } from "../previews/pass.js";
import { tendPreviews } from "../previews/tend.js";
import type { Session } from "../reconcile/session.js";
import { runPasses } from "./passes.js";

/** Says on pull requests what they would change, while the controller runs: every interval, and when something was saved. */
export async function runPreviews(session: Session): Promise<void> {
  const memory = previewMemory();
  await runPasses(session, {
    // Each pass asks the forge.
    ...{ event: "preview", breath: 2_000 },
    rung: () => [session.news.next],
    pass: () => tendPreviews(session, memory, session.stop),
  });
}
