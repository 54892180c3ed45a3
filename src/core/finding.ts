import type { Pointer } from "./pointer.js";
import type { Value } from "./value.js";

/** `pending`: git moved. The others are drift, except `unmanaged`, which is what git does not name. The table stands in compare.ts. */
export type FindingKind = "pending" | "modified" | "missing" | "conflicted" | "unmanaged";

/** One difference between last applied, desired and live, at one setting. Undefined means absent. */
export interface Finding {
  readonly path: Pointer;
  readonly kind: FindingKind;
  /** What would bring the setting to its desired state. */
  readonly action: "create" | "update" | "remove";
  readonly desired?: Value;
  readonly live?: Value;
  readonly lastApplied?: Value;
}
