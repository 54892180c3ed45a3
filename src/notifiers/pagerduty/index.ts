import type { NotifierKind } from "../notifier.js";
import { pagerdutySpec, type PagerdutySpec } from "./spec.js";

/** PagerDuty, by its Events API v2. */
export const pagerduty: NotifierKind<PagerdutySpec> = {
  kind: "pagerduty",
  spec: pagerdutySpec,
  async open(spec) {
    const { openPagerduty } = await import("./notifier.js");
    return openPagerduty(spec);
  },
};
