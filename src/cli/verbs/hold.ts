import { TrueupError } from "../../core/errors.js";
import { untilSchema } from "../../lib/until.js";
import { hold as operation, type HoldReport, type ReportedHold } from "../../operations/hold.js";
import { ahead } from "../ahead.js";
import { ask } from "../ask.js";
import type { Globals } from "../globals.js";
import { markdownTable, print } from "../output/print.js";
import { table } from "../output/table.js";
import { who } from "../process.js";

export interface HoldOptions {
  readonly for?: string;
  readonly until?: string;
  readonly because?: string;
  readonly owner?: string;
  readonly release?: true;
}

export interface HoldPlace {
  readonly word: string | undefined;
  readonly path: string | undefined;
}

/** @throws TrueupError USAGE where an end or a reason is missing, or the end is none */
export async function hold({ word, path }: HoldPlace, options: HoldOptions, globals: Globals): Promise<void> {
  const { because, release, owner = who() } = options;
  const until = endOf(options);
  const asked = until !== undefined || because !== undefined || options.owner !== undefined;
  if (release === true && asked) {
    throw new TrueupError("USAGE", "a hold is set or released, not both", { hint: "give `--release` alone" });
  }
  if (word === undefined && (asked || release === true)) {
    throw new TrueupError("USAGE", "what is to be held?", { hint: "name it: trueup hold prod/settings /pool/max" });
  }
  if (word === undefined || release === true) {
    return tell(await ask(operation, { ...given({ word, path }), by: who() }, globals), globals);
  }
  const reason = because?.trim() ?? "";
  if (until === undefined || reason === "" || owner.trim() === "") {
    const missing = until === undefined ? "an end" : reason === "" ? "a reason" : "an owner";
    throw new TrueupError("USAGE", `a hold has ${missing}`, {
      hint: 'trueup hold prod/settings /pool/max --for 4h --because "INC-123"; `--release` ends one, and without arguments holds are listed',
    });
  }
  const set = { owner, reason, until };
  return tell(await ask(operation, { ...given({ word, path }), by: who(), set }, globals), globals);
}

function given({ word, path }: HoldPlace): { word?: string; path?: string } {
  return { ...(word === undefined ? {} : { word }), ...(path === undefined ? {} : { path }) };
}

/** The end that was asked for, as `Date.toISOString()` writes it. */
function endOf({ for: text, until }: HoldOptions): string | undefined {
  if (text !== undefined) return ahead(text);
  if (until === undefined) return undefined;
  const end = untilSchema.safeParse(until);
  if (end.success) return end.data;
  throw new TrueupError("USAGE", `\`${until}\` is not an end`, { hint: end.error.issues[0]?.message });
}

const HEAD = ["ENVIRONMENT", "TARGET", "SETTING", "OWNER", "UNTIL", "FINDINGS", "REASON"] as const;

async function tell(report: HoldReport, { output }: Globals): Promise<void> {
  const rows = () => report.holds.map(row);
  await print(output, {
    data: report,
    table: () =>
      report.did !== "listed"
        ? report.holds.map((one) => `${sentence(one, report.did)}\n`).join("")
        : report.holds.length === 0
          ? "nothing is held\n"
          : table({ head: HEAD, rows: rows(), shrink: [6, 2] }),
    markdown: () => markdownTable(HEAD, rows()),
  });
}

function row({ environment, target, path, owner, until, findings, reason }: ReportedHold): string[] {
  return [environment, target, path === "" ? "(all)" : path, owner, until, String(findings), reason];
}

function sentence({ environment, target, path, owner, until, reason, findings }: ReportedHold, did: string): string {
  const what = `${environment}/${target}${path === "" ? "" : ` ${path}`}`;
  if (did === "released") return `${what} is released: drift is judged anew with the next pass`;
  const now =
    findings === 0 ? "nothing of it differs now" : `${findings} ${findings === 1 ? "finding" : "findings"} now`;
  return `${what} is held by ${owner} until ${until}: ${reason} (${now})`;
}
