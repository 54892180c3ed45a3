import type { Change } from "./change.js";
import type { Pointer } from "./pointer.js";
import type { Value } from "./value.js";

/** Who moved; the table is above `judge` in compare.ts. */
export type FindingKind = "pending" | "modified" | "missing" | "conflicted" | "unmanaged";

/** One difference between last applied, desired and live. Undefined is absent. */
export interface Finding {
  readonly path: Pointer;
  readonly kind: FindingKind;
  /** What makes live equal to desired. */
  readonly action: "create" | "update" | "remove";
  readonly desired: Value | undefined;
  readonly live: Value | undefined;
  /** Sensitive settings are sealed in here: see sealed.ts. */
  readonly lastApplied: Value | undefined;
}

/** The change that makes live equal to desired, compare-and-set against the live value that the finding saw. */
export function changeOf({ path, live, desired }: Finding): Change {
  return { path, expected: live, desired };
}
