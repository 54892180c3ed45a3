import { z } from "zod";
import { httpAddress } from "../../lib/http-address.js";

export const pagerdutySpec = z.strictObject({
  /** The integration key of the service: "Events API v2". */
  routingKey: z.string().min(1),
  /** The service region of the EU has another one. */
  url: httpAddress.default("https://events.pagerduty.com/v2/enqueue"),
});
export type PagerdutySpec = z.infer<typeof pagerdutySpec>;
