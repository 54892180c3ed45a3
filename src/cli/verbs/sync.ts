import { sync as operation } from "../../operations/sync.js";
import { ask } from "../ask.js";
import { print } from "../output/print.js";
import { exitCode, printable } from "../output/report.js";
import type { Globals } from "../globals.js";

export interface SyncOptions {
  readonly dryRun?: true;
  readonly confirm?: true;
  readonly adopt?: "desired" | "live";
}

export async function sync(environments: readonly string[], options: SyncOptions, globals: Globals): Promise<void> {
  const { dryRun = false, confirm = false, adopt } = options;
  const args = { environments: [...environments], dryRun, confirm, ...(adopt === undefined ? {} : { adopt }) };
  const reports = await ask(operation, args, globals);
  await print(globals.output, printable(reports));
  process.exitCode = exitCode(reports);
}
