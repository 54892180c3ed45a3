import type { Config } from "../config/config.js";
import { oncePer } from "../lib/once-per.js";
import { unlessAborted } from "../lib/shared.js";
import type { Session } from "../reconcile/session.js";

interface Answer {
  readonly answer: Promise<unknown>;
  /** Milliseconds since 1970; absent while it is waited for. */
  until?: number;
}

/** Until trueup.yaml is read again: it may name another host by the same name. */
const answersUnder = oncePer<Config, Map<string, Answer>>(() => new Map());

export interface Asking<T> {
  /** What is asked, and about what: the same key is the same question. */
  readonly key: string;
  /** Milliseconds for which an answer holds. */
  readonly holds: number;
  readonly ask: (signal: AbortSignal) => Promise<T>;
}

/** The answer of an outside system, which a burst of passes asks once. A question that fails is asked anew. */
export function answerOf<T>(session: Session, { key, holds, ask }: Asking<T>, signal: AbortSignal): Promise<T> {
  const answers = answersUnder(session.config);
  const now = Date.now();
  for (const [old, { until = now }] of answers) if (until < now) answers.delete(old);
  const known = answers.get(key);
  if (known !== undefined) return unlessAborted(known.answer as Promise<T>, signal);
  // Others wait for it, too: only the end of the process ends it.
  const answer = ask(session.stop);
  const held: Answer = { answer };
  answers.set(key, held);
  answer.then(
    () => (held.until = Date.now() + holds),
    () => answers.delete(key),
  );
  return unlessAborted(answer, signal);
}
