import type { z } from "zod";
import type { IncidentView } from "../core/incident.js";
import type { Severity } from "../core/policy.js";

export type { IncidentView } from "../core/incident.js";

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
  /** For reports: what matters most, for people. */
  readonly sections?: readonly Section[];
  /** For reports: the whole of it, in the form that the kind takes. */
  readonly page?: string;
}

export interface Section {
  readonly title: string;
  /** Raw, as `text` is. */
  readonly lines: readonly string[];
}

/** `sections`: no page, only what every report has in few words. */
export type ReportForm = "html" | "markdown" | "json" | "sections";

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
  /** In which form it takes reports; absent: it takes none. */
  readonly report?: ReportForm;
  /** The keys of it that are paths: trueup.yaml may say them relative to its own folder. */
  readonly paths?: readonly string[];
  /** Whether messages of one incident are one thread: then no message is about incidents that were opened apart. */
  threads?(spec: Spec): boolean;
  open(spec: Spec): Promise<Notifier>;
}
