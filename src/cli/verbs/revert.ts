import { revert as operation } from "../../operations/revert.js";
import { ask } from "../ask.js";
import type { Globals } from "../globals.js";
import { print } from "../output/print.js";
import { exitCode, printable } from "../output/report.js";
import { who } from "../process.js";

export interface RevertOptions {
  readonly because?: string;
  readonly confirm?: boolean;
}

export async function revert(
  environment: string,
  path: string | undefined,
  { confirm = false, because }: RevertOptions,
  globals: Globals,
): Promise<void> {
  const args = {
    ...{ environment, confirm, by: who() },
    ...(path === undefined ? {} : { path }),
    ...(because === undefined ? {} : { because }),
  };
  const reports = await ask(operation, args, globals);
  await print(globals.output, printable(reports));
  process.exitCode = exitCode(reports);
}
