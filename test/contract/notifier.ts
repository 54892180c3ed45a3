import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TrueupError } from "../../src/core/errors.js";
import type { IncidentView, Message, Notifier } from "../../src/notifiers/notifier.js";
import { deadPort, startSilent } from "../support/http-sink.js";

export interface NotifierWorld {
  readonly name: string;
  /** Whether the medium has threads that later messages join. */
  readonly threads: boolean;
  /** Where the notifier itself keeps a message that comes again from arriving again. */
  readonly doubles?: "dropped";
  start(): Promise<NotifierPlace>;
}

/** A service that takes messages, on loopback. */
export interface NotifierPlace {
  readonly port: number;
  /** Of a service that takes no message of ours: a wrong credential, a forbidden sender. */
  readonly refusingPort: number;
  /** The kind, with its secrets, for whatever listens on that port. */
  open(port: number): Promise<Notifier>;
  /** Must not be found in any error. */
  readonly secrets: readonly string[];
  /** Oldest first. */
  arrived(): Promise<readonly Arrival[]>;
  close(): Promise<void>;
}

export interface Arrival {
  /** What a receiver knows a double by. */
  readonly id: string;
  readonly thread: string | undefined;
  /** All that a person reads. The suite of the kind shows here what the medium shows. */
  readonly text: string;
}

export const incident = (more: Partial<IncidentView> = {}): IncidentView => ({
  fingerprint: "f0e1d2c3",
  environment: "prod",
  target: "settings",
  path: "/max_connections",
  kind: "modified",
  severity: "high",
  desired: 100,
  live: 50,
  rule: "security settings",
  since: "2026-01-02T03:04:05.000Z",
  ...more,
});

export const message = (more: Partial<Message> = {}): Message => ({
  id: "0198c6f2-0000-7000-8000-000000000001",
  at: "2026-01-02T03:04:06.000Z",
  kind: "opened",
  title: "prod/settings: 1 setting drifted",
  text: "Somebody changed it by hand.",
  severity: "high",
  incidents: [incident()],
  url: "https://trueup.example/prod",
  ...more,
});

/** Means something in HTML, Markdown, Slack's mrkdwn, templates and URLs; nobody may be called and nothing linked by it. */
export const HOSTILE = '<!channel> <b>@here</b> `code` *bold* [x](http://evil.example) {{ 1 }} "&amp;" \\ ```';

/** Every kind of notifier passes this suite, against a real service or its stand-in. */
export function describeNotifier(world: NotifierWorld): void {
  describe(`notifier contract: ${world.name}`, () => {
    let place: NotifierPlace;
    const opened: Notifier[] = [];
    const cleanups: (() => Promise<void>)[] = [];
    const open = async (port = place.port) => {
      const notifier = await place.open(port);
      opened.push(notifier);
      return notifier;
    };
    const never = new AbortController().signal;

    beforeEach(async () => {
      place = await world.start();
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((notifier) => notifier.close()));
      await Promise.all(cleanups.splice(0).map((cleanup) => cleanup()));
      await place.close();
    });

    const failure = async (port: number, signal = never): Promise<unknown> => {
      const notifier = await open(port);
      const error: unknown = await notifier.deliver(message(), signal).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeDefined();
      return error;
    };

    it("delivers a message with its setting, both values and the rule", async () => {
      const notifier = await open();
      await notifier.deliver(message(), never);
      const [arrival, ...others] = await place.arrived();
      expect(others).toEqual([]);
      for (const part of ["prod", "settings", "/max_connections", "100", "50", "security settings"]) {
        expect(arrival?.text).toContain(part);
      }
    });

    it("delivers messages without an incident", async () => {
      const notifier = await open();
      await notifier.deliver(message({ kind: "test", incidents: [], title: "A test", text: "" }), never);
      expect((await place.arrived())[0]?.text).toContain("A test");
    });

    it("gives the same message the same identity at every attempt, and another one another", async () => {
      const notifier = await open();
      await notifier.deliver(message(), never);
      await notifier.deliver(message(), never);
      await notifier.deliver(message({ id: "another", incidents: [incident({ fingerprint: "other" })] }), never);
      const ids = (await place.arrived()).map(({ id }) => id);
      expect(ids).toHaveLength(world.doubles === "dropped" ? 2 : 3);
      expect(new Set(ids).size).toBe(2);
      expect(ids.at(-1)).not.toBe(ids[0]);
    });

    it("joins later messages to the first one's thread, where its receiver has threads", async () => {
      const notifier = await open();
      const { thread } = await notifier.deliver(message(), never);
      expect(thread !== undefined).toBe(world.threads);
      if (thread === undefined) return;
      const again = await notifier.deliver(message({ id: "second", kind: "escalated", thread }), never);
      expect(again.thread ?? thread).toBe(thread);
      await notifier.deliver(message({ id: "third", kind: "resolved", thread }), never);
      const threads = (await place.arrived()).map((arrival) => arrival.thread);
      expect(threads.slice(1)).toEqual([thread, thread]);
    });

    it("shows text from outside as text", async () => {
      const notifier = await open();
      const changedBy = { by: HOSTILE, how: HOSTILE, certainty: "possible" } as const;
      const texts = { target: HOSTILE, live: HOSTILE, rule: HOSTILE, note: `first\n\n${HOSTILE}` };
      const hostile = incident({ ...texts, changedBy });
      await notifier.deliver(
        message({ title: `${HOSTILE}\r\nBcc: a@evil.example`, text: HOSTILE, incidents: [hostile] }),
        never,
      );
      const [arrival] = await place.arrived();
      expect(arrival?.text).toContain("<!channel> <b>@here</b>");
    });

    it("delivers what is very long and very many", async () => {
      const notifier = await open();
      const many = Array.from({ length: 300 }, (_, index) =>
        incident({ fingerprint: `f${index}`, path: `/setting_${index}`, live: "🦎".repeat(5_000) }),
      );
      await notifier.deliver(message({ title: "t".repeat(5_000), text: "x".repeat(50_000), incidents: many }), never);
      expect((await place.arrived())[0]?.text).toContain("/setting_0");
    });

    it("goes on after a failure", async () => {
      const notifier = await open();
      const gone = AbortSignal.abort(new Error("stopped"));
      await expect(notifier.deliver(message(), gone)).rejects.toThrow("stopped");
      await notifier.deliver(message(), never);
      expect(await place.arrived()).toHaveLength(1);
    });

    it("says DELIVERY_FAILED where nothing listens, and DELIVERY_REFUSED where it is not let in, without a secret", async () => {
      const dead = await failure(await deadPort());
      const refused = await failure(place.refusingPort);
      expect(dead).toMatchObject({ code: "DELIVERY_FAILED" });
      expect(refused).toMatchObject({ code: "DELIVERY_REFUSED" });
      for (const error of [dead, refused]) {
        expect(error).toBeInstanceOf(TrueupError);
        const all = inspect(error, { depth: 10, showHidden: true });
        for (const secret of place.secrets) {
          for (const form of formsOf(secret)) expect(all).not.toContain(form);
        }
      }
    });

    it("stops waiting when it is told to", async () => {
      const silent = await startSilent();
      cleanups.push(() => silent.close());
      const stop = new AbortController();
      void silent.asked.then(() => {
        stop.abort(new Error("stopped"));
      });
      // Whoever waited to the end would say that nobody answers.
      expect(await failure(silent.port, stop.signal)).toMatchObject({ message: "stopped" });
    });
  });
}

function formsOf(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  return [secret, bytes.toString("base64"), bytes.toString("base64url"), encodeURIComponent(secret)];
}
