import { TrueupError } from "../../core/errors.js";
import { pushSetup } from "../../operations/push.js";
import { write } from "../output/print.js";
import type { Globals } from "../globals.js";
import { withSession } from "../session.js";

export interface InitTargetOptions {
  readonly install?: true;
  readonly remove?: true;
}

/** Shows what makes a target tell of its changes; runs it only where that is asked for. */
export async function initTarget(
  word: string,
  { install, remove }: InitTargetOptions,
  globals: Globals,
): Promise<void> {
  if (install === true && remove === true) throw new TrueupError("USAGE", "--install and --remove exclude each other");
  await withSession(globals, async (session, context) => {
    const setup = await pushSetup(session, word, context);
    const script = remove === true ? "remove" : "install";
    await write(`${setup[script].trimEnd()}\n`);
    if (install !== true && remove !== true) {
      process.stderr.write(`nothing was changed: run it yourself, or again with --install\n`);
      return;
    }
    await setup.run(script, context.signal);
    process.stderr.write(
      script === "install" ? `installed: ${word} now tells of its changes\n` : `removed from ${word}\n`,
    );
  });
}
