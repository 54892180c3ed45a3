import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { WebhookConfig } from "../config/webhooks.js";
import type { GateVerdict } from "../core/gate.js";
import { TrueupError } from "../core/errors.js";
import { suggestion } from "../lib/suggest.js";
import { webhookHeaders } from "../lib/webhook-signature.js";
import { send } from "../notifiers/http.js";
import type { Session } from "../reconcile/session.js";
import { answerOf } from "./answers.js";
import type { TravellingCommit } from "./report.js";

/** What is asked about, as the webhook gets it. */
export interface Question {
  readonly from: string;
  readonly to: string;
  readonly revision: string;
  /** Newest first, some. */
  readonly commits: readonly TravellingCommit[];
  /** How many settings change for the environment that is to be reached. */
  readonly changes: number;
}

const answerSchema = z.object({ state: z.enum(["passed", "pending", "failed"]), reason: z.string().default("") });

/** Characters of a reason: it stands in a table. */
const REASON = 300;
/** Passes come an interval apart, give or take a tenth: each of them may ask, and no burst of them. */
const SHARE = 0.8;

/**
 * What a webhook of trueup.yaml says of a promotion. Where it cannot be asked, that is `pending`: whoever decides there may
 * answer later. Where the request itself is refused, that is `failed`: the operator has to put it right. It is asked again all
 * the same.
 * @throws TrueupError CONFIG_INVALID where trueup.yaml names no such webhook; the reason of `signal` where that aborts
 */
export async function wordOf(
  session: Session,
  { webhook, question }: { webhook: string; question: Question },
  signal: AbortSignal,
): Promise<GateVerdict> {
  const { webhooks, interval } = session.config;
  const known = webhooks.get(webhook);
  if (known === undefined) {
    throw new TrueupError("CONFIG_INVALID", `trueup.yaml names no webhook \`${webhook}\``, {
      hint: suggestion(webhook, [...webhooks.keys()]),
    });
  }
  const { from, to, revision } = question;
  const id = `${from}/${to}/${revision}`;
  const body = JSON.stringify({ schemaVersion: 1, id, ...question });
  const ask = (stop: AbortSignal) => askWebhook({ ...known, name: webhook, body }, stop);
  return answerOf(session, { key: `webhook ${webhook} ${id}`, holds: interval * SHARE, ask }, signal);
}

interface WebhookQuestion extends WebhookConfig {
  /** As trueup.yaml has it. */
  readonly name: string;
  readonly body: string;
}

async function askWebhook({ url, secret, timeout, name, body }: WebhookQuestion, signal: AbortSignal) {
  const where = new URL(url).host;
  try {
    // Each question is one of its own: a receiver that drops doubles would never answer the second.
    const headers = webhookHeaders(secret, { id: randomUUID(), body });
    const answer = await send({ url, headers, body, timeout }, signal);
    const { state, reason } = answerSchema.parse(JSON.parse(answer.body));
    return { state, reason: oneLine(reason, secret) || `${where} says ${state}` };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof TrueupError && error.code === "DELIVERY_REFUSED") {
      const reason = `${error.message}: it does not take the question; check the webhook \`${name}\` of trueup.yaml`;
      return { state: "failed", reason } as const;
    }
    const why =
      error instanceof TrueupError ? error.message : `${where} answered something else than a state and a reason`;
    return { state: "pending", reason: why } as const;
  }
}

/** What somebody else says goes into tables, pull requests and terminals. */
function oneLine(text: string, secret: string | undefined): string {
  const told = secret === undefined ? text : text.replaceAll(secret, "•••");
  const line = told.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim();
  return line.length > REASON ? `${line.slice(0, REASON)}…` : line;
}
