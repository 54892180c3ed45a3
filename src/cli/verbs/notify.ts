import { formatDuration } from "../../lib/duration.js";
import { notifyTest as operation } from "../../operations/notify-test.js";
import { ask } from "../ask.js";
import type { Globals } from "../globals.js";
import { markdownTable, print } from "../output/print.js";
import { who } from "../process.js";

/** Exit 0 where the notifier took the message; its error otherwise. */
export async function notifyTest(name: string, globals: Globals): Promise<void> {
  const report = await ask(operation, { name, by: who() }, globals);
  const { notifier, kind, milliseconds } = report;
  await print(globals.output, {
    data: report,
    table: () => `${notifier} (${kind}) took the test message in ${formatDuration(milliseconds)}\n`,
    markdown: () => markdownTable(["NOTIFIER", "KIND", "TOOK"], [[notifier, kind, formatDuration(milliseconds)]]),
  });
}
