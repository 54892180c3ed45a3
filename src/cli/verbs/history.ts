import { history as operation } from "../../operations/history.js";
import { ago } from "../ago.js";
import { ask } from "../ask.js";
import { markdownTable, print } from "../output/print.js";
import { table } from "../output/table.js";
import type { Globals } from "../globals.js";

const HEAD = ["WHEN", "ENVIRONMENT", "TARGET", "EVENT", "WHAT"] as const;

export interface HistoryOptions {
  readonly since?: string;
  readonly limit: number;
}

export async function history(
  environments: readonly string[],
  { since, limit }: HistoryOptions,
  globals: Globals,
): Promise<void> {
  const from = since === undefined ? {} : { since: ago(since) };
  const report = await ask(operation, { environments: [...environments], limit, ...from }, globals);
  const rows = report.events.map(({ at, environment, target = "", type, message }) => [
    at.replace("T", " ").replace(/\.\d+Z$/, "Z"),
    environment,
    target,
    type,
    message,
  ]);
  await print(globals.output, {
    data: report,
    table: () => table({ head: HEAD, rows, shrink: [4] }),
    markdown: () => markdownTable(HEAD, rows),
  });
}
