import { bounded } from "../../lib/timeout.js";
import { withLease } from "../lease.js";
import { asTrueupError } from "../pass.js";
import { clearBranch } from "./branch.js";
import { openDesk } from "./desk.js";
import type { Session } from "../session.js";

const PATIENCE = 30_000;
const RETIRED = "Nothing is left to decide here: git no longer names the target.";

/**
 * Closes the drift pull requests of targets that git no longer names. Where the forge fails it is told in the log, and tried
 * again when targets are looked for the next time.
 */
export async function endProposals(
  session: Session,
  environment: { readonly name: string; readonly revision: string },
  named: readonly string[],
): Promise<void> {
  const { proposals } = await session.store();
  const { name } = environment;
  const load = async () => [...(await proposals.load(name))].filter(([target]) => !named.includes(target));
  if ((await load()).length === 0) return;
  try {
    await withLease(session, { environment: name, patience: 0 }, async () => {
      for (const [target, proposal] of await load()) {
        const end = (signal: AbortSignal) => endOne({ session, environment, proposal, signal }, target);
        await bounded(end, { milliseconds: PATIENCE, signal: session.stop, what: "the forge did not answer" });
      }
    });
  } catch (error) {
    session.stop.throwIfAborted();
    const { code, message, hint } = asTrueupError(error);
    session.log.error({ environment: name, event: "propose", code, hint }, message);
  }
}

async function endOne(pass: Parameters<typeof openDesk>[0], target: string): Promise<void> {
  const { session, signal } = pass;
  const desk = openDesk(pass, target);
  const forge = await session.forge();
  const pull = await forge?.find(desk.head, signal);
  if (pull?.state === "open") await forge?.update(pull.number, { comment: RETIRED, close: true }, signal);
  await clearBranch(pass, { head: desk.head, left: desk.known?.commit });
  const message = `git no longer names the target: closed the pull request ${pull?.url ?? ""}`;
  await desk.forget(pull?.state === "open" ? { type: "proposal-closed", message } : undefined);
}
