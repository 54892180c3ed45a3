import type { NotifierKind } from "../notifier.js";
import { slackSpec, type SlackSpec } from "./spec.js";

/** A Slack channel, by incoming webhook or as a bot. */
export const slack: NotifierKind<SlackSpec> = {
  kind: "slack",
  spec: slackSpec,
  report: "sections",
  threads: ({ by }) => by === "bot",
  async open(spec) {
    const { openSlack } = await import("./notifier.js");
    return openSlack(spec);
  },
};
