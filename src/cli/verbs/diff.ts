import { diff as operation } from "../../operations/diff.js";
import { ask } from "../ask.js";
import { print } from "../output/print.js";
import { exitCode, printable } from "../output/report.js";
import type { Globals } from "../globals.js";

export async function diff(environments: readonly string[], globals: Globals): Promise<void> {
  const reports = await ask(operation, { environments: [...environments] }, globals);
  await print(globals.output, printable(reports));
  process.exitCode = exitCode(reports);
}
