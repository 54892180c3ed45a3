import { history as operation } from "../../operations/history.js";
import { revisions as past } from "../../operations/revisions.js";
import { ago } from "../ago.js";
import { ask } from "../ask.js";
import { markdownTable, print } from "../output/print.js";
import { moment, printableRevisions } from "../output/revisions.js";
import { table } from "../output/table.js";
import type { Globals } from "../globals.js";

const HEAD = ["WHEN", "ENVIRONMENT", "TARGET", "EVENT", "WHAT"] as const;

/** What is asked for at once. */
const MOST_REVISIONS = 1_000;

export interface HistoryOptions {
  readonly since?: string;
  readonly limit: number;
  /** Which revision ran when, in place of the events. */
  readonly revisions?: true;
}

export async function history(
  environments: readonly string[],
  { since, limit, revisions }: HistoryOptions,
  globals: Globals,
): Promise<void> {
  const from = since === undefined ? {} : { since: ago(since) };
  if (revisions === true) {
    const answer = await ask(
      past,
      { environments: [...environments], limit: Math.min(limit, MOST_REVISIONS), ...from },
      globals,
    );
    await print(globals.output, printableRevisions(answer));
    if (answer.environments.some(({ error }) => error !== undefined)) process.exitCode = 1;
    return;
  }
  const report = await ask(operation, { environments: [...environments], limit, ...from }, globals);
  const rows = report.events.map(({ at, environment, target = "", type, message }) => [
    moment(at),
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
