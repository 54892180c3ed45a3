import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Message } from "../notifiers/notifier.js";
import { deliverAtOnce, notifierOf } from "./at-once.js";
import type { Operation } from "./operation.js";

export interface NotifyTestReport {
  readonly schemaVersion: 1;
  readonly notifier: string;
  readonly kind: string;
  /** How long it took to take the message. */
  readonly milliseconds: number;
}

const argsSchema = z.object({ name: z.string(), by: z.string() });

/** Sends a test message at once, past conditions, quiet hours and the outbox. @throws what the notifier throws */
export const notifyTest: Operation<z.output<typeof argsSchema>, NotifyTestReport> = {
  name: "notify-test",
  args: argsSchema,
  async run(session, { name, by }, { signal, progress }) {
    const notifier = notifierOf(session, name);
    progress(`sending a test message to ${name}`);
    const started = performance.now();
    const message: Message = {
      ...{
        id: randomUUID(),
        at: new Date().toISOString(),
        kind: "test" as const,
        severity: "low" as const,
        incidents: [],
      },
      ...{ title: "Trueup: a test message", text: `${by} asked for it with \`trueup notify test ${name}\`.` },
    };
    await deliverAtOnce(session, notifier, { message, signal });
    return { schemaVersion: 1, notifier: name, kind: notifier.kind.kind, milliseconds: performance.now() - started };
  },
};
