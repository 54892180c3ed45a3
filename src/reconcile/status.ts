import type { Value } from "../core/value.js";
import { parseJson, stringifyJson } from "../lib/json.js";
import type { Memo } from "./judge.js";
import type { TargetReport } from "./report.js";

/** What the store keeps of a target beside last applied: how the last pass left it, as it may be shown. */
export interface Status {
  readonly report: TargetReport;
  readonly memo: Memo;
  readonly lossConfirmed: boolean;
}

/** JSON text; equal statuses have equal texts. */
export function encodeStatus({ report, memo, lossConfirmed }: Status): string {
  // Outcomes are the pass's own news, told once in the history; the status is what stays.
  const lasting: Record<string, unknown> = { ...report };
  delete lasting.outcomes;
  return stringifyJson(plain({ report: lasting, memo, lossConfirmed }));
}

/** What the store said, or undefined where it says nothing that can be read: then the next pass writes it anew. */
export function decodeStatus(text: string): Status | undefined {
  try {
    const status: unknown = parseJson(text);
    return isStatus(status) ? status : undefined;
  } catch {
    return undefined;
  }
}

function isStatus(value: unknown): value is Status {
  return (
    typeof value === "object" && value !== null && "report" in value && "memo" in value && "lossConfirmed" in value
  );
}

/** Reports are made of values, lists and maps only; their types say more than the tree's. */
function plain(value: object): Value {
  return value as unknown as Value;
}
