import type { NotifierKind } from "./notifier.js";
import { slack } from "./slack/index.js";
import { webhook } from "./webhook/index.js";

/** Every kind of notifier: a new one is a folder of its own and a line here. */
export const notifierKinds: readonly NotifierKind[] = [webhook, slack];
