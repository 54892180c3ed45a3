import type { NotifierKind } from "./notifier.js";
import { email } from "./email/index.js";
import { githubIssue } from "./github-issue/index.js";
import { mqtt } from "./mqtt/index.js";
import { pagerduty } from "./pagerduty/index.js";
import { slack } from "./slack/index.js";
import { webhook } from "./webhook/index.js";

/** Every kind of notifier: a new one is a folder of its own and a line here. */
export const notifierKinds: readonly NotifierKind[] = [webhook, slack, email, pagerduty, mqtt, githubIssue];
