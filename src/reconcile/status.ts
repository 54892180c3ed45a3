import type { Flapping } from "../core/flapping.js";
import type { Value } from "../core/value.js";
import { parseJson, stringifyJson } from "../lib/json.js";
import type { Memo } from "./judge.js";
import type { ReportedFinding, TargetReport } from "./report.js";

/** What the store keeps of a target beside last applied: how the last pass left it, as it may be shown. */
export interface Status {
  readonly report: TargetReport;
  readonly memo: Memo;
  /** See `Memory`. */
  readonly confirmedLoss: number;
  readonly flapping: Flapping;
  /** The findings as of the last pass that could look: the report has none while the target is unknown. */
  readonly open: readonly ReportedFinding[];
}

/** JSON text; equal statuses have equal texts. */
export function encodeStatus({ report, memo, confirmedLoss, flapping, open }: Status): string {
  // Outcomes are the pass's own news, told once in the history; what stays is what fails, and will again.
  const { outcomes = [], ...rest } = report;
  const failed = outcomes.filter(({ result }) => result === "failed");
  const lasting = failed.length === 0 ? rest : { ...rest, outcomes: failed };
  // The same findings twice would double the row.
  const apart = open === report.findings ? {} : { open };
  const healed = Object.keys(flapping).length === 0 ? {} : { flapping };
  return stringifyJson(plain({ report: lasting, memo, confirmedLoss, ...healed, ...apart }));
}

/** What the store said, or undefined where it says nothing that can be read: then the next pass writes it anew. */
export function decodeStatus(text: string): Status | undefined {
  try {
    const status: unknown = parseJson(text);
    if (!isStatus(status)) return undefined;
    return { ...status, open: status.open ?? status.report.findings, flapping: status.flapping ?? {} };
  } catch {
    return undefined;
  }
}

function isStatus(
  value: unknown,
): value is Omit<Status, "open" | "flapping"> & Partial<Pick<Status, "open" | "flapping">> {
  return (
    typeof value === "object" && value !== null && "report" in value && "memo" in value && "confirmedLoss" in value
  );
}

/** Reports are made of values, lists and maps only; their types say more than the tree's. */
function plain(value: object): Value {
  return value as unknown as Value;
}
