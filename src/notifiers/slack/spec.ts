import { z } from "zod";
import { httpAddress } from "../../lib/http-address.js";

/** Either an incoming webhook's `url`, or a bot's `token` and `channel`. */
export const slackSpec = z
  .strictObject({
    url: httpAddress.optional(),
    token: z.string().min(1).optional(),
    channel: z.string().min(1).optional(),
    /** For proxies and tests. */
    apiUrl: httpAddress.default("https://slack.com/api"),
  })
  .transform(({ url, token, channel, apiUrl }, context): SlackSpec => {
    if (url !== undefined && token === undefined && channel === undefined) return { by: "webhook", url };
    if (url === undefined && token !== undefined && channel !== undefined) {
      return { by: "bot", token, channel, apiUrl };
    }
    context.addIssue({ code: "custom", message: "give either `url`, or both `token` and `channel`" });
    return z.NEVER;
  });

export type SlackSpec =
  | { readonly by: "webhook"; readonly url: string }
  | { readonly by: "bot"; readonly token: string; readonly channel: string; readonly apiUrl: string };
