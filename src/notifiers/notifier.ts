import type { z } from "zod";
import type { Severity } from "../core/policy.js";
import type { Value } from "../core/value.js";

/** One drift as it may be told to the world: redacted, sensitive values only as the beginning of their keyed hash. */
export interface IncidentView {
  /** Stable: the same drift has the same one, whenever and in whatever order it is found. */
  readonly fingerprint: string;
  readonly environment: string;
  readonly target: string;
  /** A JSON Pointer; absent where the whole target is meant. */
  readonly path?: string;
  readonly kind: string;
  readonly severity: Severity;
  /** Null where absent. */
  readonly desired: Value;
  readonly live: Value;
  readonly rule: string;
  /** ISO 8601. */
  readonly since: string;
  /** Why it is told, where the values do not say it: flapping, a hold that ended, who decided. */
  readonly note?: string;
}

/** What is sent. `text` from outside (values, names, reasons) is raw: each notifier escapes it for its medium. */
export interface Message {
  /** The same at every attempt, for receivers that drop doubles. */
  readonly id: string;
  /** ISO 8601: when it was put into the outbox. */
  readonly at: string;
  readonly kind: "opened" | "changed" | "escalated" | "resolved" | "digest" | "report" | "test";
  /** One line. */
  readonly title: string;
  /** A few sentences of plain text; may be empty. */
  readonly text: string;
  readonly severity: Severity;
  /** One or more that took this step in the same pass; none for reports and tests. */
  readonly incidents: readonly IncidentView[];
  /** What this notifier answered to the first message about these incidents. */
  readonly thread?: string;
  /** Where a person reads more. */
  readonly url?: string;
  /** For reports: the page itself. */
  readonly html?: string;
}

export interface Receipt {
  /** Names the thread that later messages of the same incidents belong to. */
  readonly thread?: string;
}

/** What an environment's state is now, for notifiers that show a state and not a message (MQTT). */
export interface EnvironmentState {
  readonly environment: string;
  readonly state: string;
  readonly open: number;
  readonly worst: Severity | null;
  readonly revision: string | null;
  readonly at: string;
}

/**
 * One way to tell people. Errors are TrueupErrors without a credential: DELIVERY_FAILED may pass (its `retryAfter` in
 * milliseconds is heeded), DELIVERY_REFUSED will not: the message itself, or the account, is refused.
 */
export interface Notifier {
  deliver(message: Message, signal: AbortSignal): Promise<Receipt>;
  /** Only where the medium shows states. */
  show?(states: readonly EnvironmentState[], signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface NotifierKind<Spec = unknown> {
  readonly kind: string;
  /** What trueup.yaml says of it beside `kind`, `name` and the routing. Strict: unknown keys are errors. */
  readonly spec: z.ZodType<Spec>;
  open(spec: Spec): Promise<Notifier>;
}
