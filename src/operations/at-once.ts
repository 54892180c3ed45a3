import { TrueupError } from "../core/errors.js";
import { suggestion } from "../lib/suggest.js";
import { bounded } from "../lib/timeout.js";
import type { NotifierConfig } from "../config/notifiers.js";
import type { Message } from "../notifiers/notifier.js";
import type { Session } from "../reconcile/session.js";

const PATIENCE = 30_000;

/** The notifier of that name. @throws TrueupError USAGE */
export function notifierOf({ config }: Session, name: string): NotifierConfig {
  const notifier = config.notifiers.find((one) => one.name === name);
  if (notifier !== undefined) return notifier;
  const names = config.notifiers.map((one) => one.name);
  throw new TrueupError("USAGE", `trueup.yaml has no notifier \`${name}\``, { hint: suggestion(name, names) });
}

/**
 * Delivers while a person waits: past conditions, quiet hours and the outbox, so that what goes wrong is told to whoever asked.
 * @throws what the notifier throws
 */
export async function deliverAtOnce(
  session: Session,
  { name }: Pick<NotifierConfig, "name">,
  { message, signal }: { readonly message: Message; readonly signal: AbortSignal },
): Promise<void> {
  const route = (await session.routes()).find((one) => one.name === name);
  if (route === undefined) throw new Error("trueup.yaml was read again in between");
  const notifier = await session.notifier(route);
  const what = `the notifier ${name} did not take the message`;
  await bounded((stop) => notifier.deliver(message, stop), { milliseconds: PATIENCE, signal, what });
}
