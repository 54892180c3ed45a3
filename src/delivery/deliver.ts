import { randomUUID } from "node:crypto";
import type { TrueupError } from "../core/errors.js";
import type { Log } from "../lib/log.js";
import { bounded } from "../lib/timeout.js";
import type { Message, Notifier } from "../notifiers/notifier.js";
import type { ClaimedMessage, Outbox } from "../store/store.js";
import { asTrueupError } from "../reconcile/pass.js";
import { decodeMessage } from "./news.js";
import { digestOf } from "./words.js";

/** How long one delivery may take, and how long it is ours: a controller that dies in between leaves it to the next. */
const PATIENCE = 60_000;
const CLAIM = 2 * PATIENCE;
/** The first pause after a failure, doubled by each, and the longest. */
const FIRST_PAUSE = 5_000;
const LONGEST_PAUSE = 15 * 60_000;
/** What the other side says is heeded within this. */
const LONGEST_WISH = 24 * 3_600_000;
/** A refusal is final for the message; but a token that ran out is refused, too, and may be renewed within the hour. */
const REFUSALS = 10;
/** Messages in one digest. */
const DIGEST = 500;

export interface Delivering {
  readonly outbox: Outbox;
  readonly route: { readonly name: string; readonly digest: boolean };
  readonly notifier: Notifier;
  /** Who delivers, for the claim. */
  readonly holder: string;
  readonly log: Log;
}

/**
 * Sends what is due, one after the other, until nothing is or one fails. Answers with the milliseconds after which another
 * attempt makes sense where one failed: a sink that is down is not asked for every message that waits for it.
 */
export async function deliverDue(delivering: Delivering, signal: AbortSignal): Promise<number | undefined> {
  const { outbox, route, holder } = delivering;
  while (!signal.aborted) {
    const by = `${holder} ${randomUUID()}`;
    const claimed = await claimNext(outbox, route, { by, ttl: CLAIM });
    if (claimed.length === 0) return undefined;
    const pause = await deliverClaimed(delivering, { by, claimed }, signal);
    if (pause !== undefined) return pause;
  }
  return undefined;
}

async function claimNext(
  outbox: Outbox,
  { name, digest }: Delivering["route"],
  claim: { readonly by: string; readonly ttl: number },
): Promise<readonly ClaimedMessage[]> {
  if (!digest) return outbox.claim(name, { ...claim, limit: 1 });
  // What is about no incident has its own page, of which a digest would keep the title.
  const single = await outbox.claim(name, { ...claim, limit: 1, only: "others" });
  return single.length > 0 ? single : outbox.claim(name, { ...claim, limit: DIGEST, only: "incidents" });
}

interface Claimed {
  readonly by: string;
  readonly claimed: readonly ClaimedMessage[];
}

async function deliverClaimed(
  { outbox, route, notifier, log }: Delivering,
  { by, claimed }: Claimed,
  signal: AbortSignal,
): Promise<number | undefined> {
  const claim = { by, rows: claimed.map(({ row }) => row) };
  const messages = claimed.map(({ message }) => decodeMessage(message));
  const message = oneOf(messages, route, claimed[0]?.thread);
  const attempts = Math.max(...claimed.map((one) => one.attempts));
  const fields = { event: "told", notifier: route.name, kind: message.kind };
  try {
    const what = `the notifier ${route.name} did not take the message`;
    const receipt = await bounded((stop) => notifier.deliver(message, stop), { milliseconds: PATIENCE, signal, what });
    const over = messages.flatMap(({ kind, incidents }) => (kind === "resolved" ? incidents : []));
    const { thread } = receipt;
    await outbox.delivered(claim, {
      over: over.map(({ fingerprint }) => fingerprint),
      ...(thread === undefined ? {} : { thread }),
    });
    log.info(fields, message.title);
    return undefined;
  } catch (error) {
    if (signal.aborted) {
      // Asked to leave: whoever comes next need not wait for the claim to run out.
      await outbox.failed(claim, { error: "interrupted", retryIn: 0, dead: false });
      return undefined;
    }
    const fault = asTrueupError(error);
    const dead = fault.code === "DELIVERY_REFUSED" && attempts + 1 >= REFUSALS;
    const retryIn = pauseAfter(attempts, fault);
    await outbox.failed(claim, { error: `${fault.code} ${fault.message}`, retryIn, dead });
    const failed = { ...fields, event: "delivery", code: fault.code, hint: fault.hint, attempts: attempts + 1 };
    if (dead) log.error(failed, `given up: ${message.title}: ${fault.message}`);
    else log.warn(failed, `not delivered yet: ${message.title}: ${fault.message}`);
    return retryIn;
  }
}

/** Several are a digest; its id is that of its first message, which stays the same at every attempt. */
function oneOf(messages: readonly Message[], { digest }: Delivering["route"], thread: string | undefined): Message {
  const [first] = messages;
  if (first === undefined) throw new Error("a claim without a message");
  if (digest && first.incidents.length > 0) {
    return digestOf(messages, { id: first.id, at: new Date().toISOString() });
  }
  return thread === undefined ? first : { ...first, thread };
}

/** Milliseconds: exponential, ±25 % so that many controllers do not come back in the same second; or what the other side asks for. */
function pauseAfter(attempts: number, { retryAfter }: Pick<TrueupError, "retryAfter">): number {
  if (retryAfter !== undefined) return Math.min(Math.max(retryAfter, 1_000), LONGEST_WISH);
  return Math.min(FIRST_PAUSE * 2 ** attempts, LONGEST_PAUSE) * (0.75 + Math.random() / 2);
}
