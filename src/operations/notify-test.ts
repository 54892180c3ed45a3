import { randomUUID } from "node:crypto";
import { z } from "zod";
import { TrueupError } from "../core/errors.js";
import { suggestion } from "../lib/suggest.js";
import { bounded } from "../lib/timeout.js";
import type { Message } from "../notifiers/notifier.js";
import type { Operation } from "./operation.js";

export interface NotifyTestReport {
  readonly schemaVersion: 1;
  readonly notifier: string;
  readonly kind: string;
  /** How long it took to take the message. */
  readonly milliseconds: number;
}

const argsSchema = z.object({ name: z.string(), by: z.string() });
const PATIENCE = 30_000;

/** Sends a test message at once, past conditions, quiet hours and the outbox. @throws what the notifier throws */
export const notifyTest: Operation<z.output<typeof argsSchema>, NotifyTestReport> = {
  name: "notify-test",
  args: argsSchema,
  async run(session, { name, by }, { signal, progress }) {
    const routes = await session.routes();
    const route = routes.find((one) => one.name === name);
    if (route === undefined) {
      throw new TrueupError("USAGE", `trueup.yaml has no notifier \`${name}\``, {
        hint: suggestion(
          name,
          routes.map((one) => one.name),
        ),
      });
    }
    progress(`sending a test message to ${name}`);
    const notifier = await session.notifier(route);
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
    const what = `the notifier ${name} did not take the message`;
    await bounded((stop) => notifier.deliver(message, stop), { milliseconds: PATIENCE, signal, what });
    return { schemaVersion: 1, notifier: name, kind: route.kind, milliseconds: performance.now() - started };
  },
};
