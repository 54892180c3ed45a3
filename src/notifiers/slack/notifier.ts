import { TrueupError } from "../../core/errors.js";
import { hostOf, send } from "../http.js";
import type { Message, Notifier, Receipt } from "../notifier.js";
import { blocksOf, fallbackOf } from "./blocks.js";
import type { SlackSpec } from "./spec.js";

/*
 * Both ways are one POST. The client libraries are not used: @slack/webhook forgets Retry-After and takes no signal,
 * @slack/web-api retries on its own (the outbox does that) and brings fifteen packages for the one call.
 */
export function openSlack(spec: SlackSpec): Notifier {
  return {
    deliver: (message, signal) =>
      spec.by === "bot" ? postMessage(spec, message, signal) : postWebhook(spec.url, message, signal),
    close: () => Promise.resolve(),
  };
}

async function postWebhook(url: string, message: Message, signal: AbortSignal): Promise<Receipt> {
  await send({ url, body: JSON.stringify(contentOf(message)) }, signal);
  return {};
}

function contentOf(message: Message) {
  return {
    text: fallbackOf(message),
    blocks: blocksOf(message),
    mrkdwn: false,
    unfurl_links: false,
    unfurl_media: false,
  };
}

/** Errors of the interface after which the same call may succeed. */
const LATER = new Set([
  "ratelimited",
  "rate_limited",
  "message_limit_exceeded",
  "internal_error",
  "fatal_error",
  "service_unavailable",
  "team_added_to_org",
  "request_timeout",
]);

async function postMessage(
  { token, channel, apiUrl }: Extract<SlackSpec, { by: "bot" }>,
  message: Message,
  signal: AbortSignal,
): Promise<Receipt> {
  const url = `${apiUrl.replace(/\/+$/, "")}/chat.postMessage`;
  const { thread } = message;
  const body = JSON.stringify({
    channel,
    ...contentOf(message),
    parse: "none",
    link_names: false,
    metadata: { event_type: "trueup_message", event_payload: { id: message.id } },
    ...(thread === undefined ? {} : { thread_ts: thread }),
  });
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json; charset=utf-8" };
  const answer = parse((await send({ url, headers, body }, signal)).body);
  if (answer?.ok === true && typeof answer.ts === "string") return { thread: thread ?? answer.ts };
  // Slack's own errors are short words; anything else is not repeated.
  const word = typeof answer?.error === "string" && /^[a-z_]{1,60}$/.test(answer.error) ? answer.error : "no_answer";
  const later = word === "no_answer" || LATER.has(word);
  throw new TrueupError(later ? "DELIVERY_FAILED" : "DELIVERY_REFUSED", `${hostOf(url)} answered ${word}`, {
    hint: later
      ? "the delivery is tried again"
      : "check the token, its scope chat:write, the channel, and whether the bot was invited to it",
  });
}

interface SlackAnswer {
  readonly ok?: unknown;
  readonly ts?: unknown;
  readonly error?: unknown;
}

function parse(text: string): SlackAnswer | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
