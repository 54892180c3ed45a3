import type { MqttClient } from "mqtt";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { mqtt } from "../../src/probes/mqtt/index.js";
import { deadPort } from "../support/http-sink.js";
import { mosquittoUnavailable, startMosquitto } from "../support/mosquitto.js";
import { brokerCases, connectClient } from "../support/mqtt.js";

const never = new AbortController().signal;

async function open(spec: Readonly<Record<string, unknown>>) {
  return mqtt.open(mqtt.schema.parse(spec), { folder: "/", environment: "staging" });
}

describe.each(brokerCases.filter(({ protocolVersion }) => protocolVersion === 4))(
  "the probe `mqtt` on $name",
  (one) => {
    describe.skipIf(one.unavailable !== undefined)("", () => {
      let broker: { readonly url: string; readonly close: () => Promise<void> };
      let app: MqttClient;
      let beat: NodeJS.Timeout | undefined;
      const beats = (topic: string, payload: string) => {
        beat = setInterval(() => app.publish(topic, payload), 20);
      };
      beforeAll(async () => {
        broker = await one.start();
        app = await connectClient(broker.url, { protocolVersion: one.protocolVersion });
      }, 30_000);
      afterAll(async () => {
        await app.endAsync(true);
        await broker.close();
      });
      beforeEach(() => (beat = undefined));
      afterEach(() => {
        clearInterval(beat);
      });

      it("hears a sign of life", async () => {
        beats("app/alive", "1");
        const probe = await open({ url: broker.url, topic: "app/alive" });
        expect(await probe.check(never)).toEqual({ healthy: true, detail: "app/alive was heard" });
      });

      it("waits for what it is to hear", async () => {
        beats("app/state", "hunter2");
        const spec = { url: broker.url, topic: "app/state", within: "200ms" };
        expect(await (await open({ ...spec, equals: "ready" })).check(never)).toEqual({
          healthy: false,
          detail: "app/state did not say what it should within 200 ms",
        });
        const asked = (await open({ ...spec, within: "20s", equals: "ready" })).check(never);
        clearInterval(beat);
        beats("app/state", "ready");
        expect(await asked).toMatchObject({ healthy: true });
      });

      it("takes what the broker kept for a sign of life only where it is told to", async () => {
        await app.publishAsync("app/status", "online", { retain: true, qos: 1 });
        const spec = { url: broker.url, topic: "app/status", equals: "online", within: "200ms" };
        expect(await (await open(spec)).check(never)).toEqual({
          healthy: false,
          detail:
            "nothing was published on app/status within 200 ms; what the broker kept counts with `retained: true`",
        });
        expect(await (await open({ ...spec, retained: true })).check(never)).toMatchObject({ healthy: true });
      });

      it("is unhealthy where nothing is said", async () => {
        expect(await (await open({ url: broker.url, topic: "nobody", within: "100ms" })).check(never)).toEqual({
          healthy: false,
          detail: "nothing was published on nobody within 100 ms",
        });
      });

      it("throws nothing but the reason why nobody wants to know any more", async () => {
        const stop = new AbortController();
        const asked = (await open({ url: broker.url, topic: "nobody" })).check(stop.signal);
        const reason = new Error("enough");
        stop.abort(reason);
        await expect(asked).rejects.toBe(reason);
      });
    });
  },
);

describe("the probe `mqtt`", () => {
  it("is unhealthy where no broker listens", async () => {
    const port = await deadPort();
    expect(await (await open({ url: `mqtt://u:hunter2@127.0.0.1:${port}`, topic: "a" })).check(never)).toEqual({
      healthy: false,
      detail: `the broker 127.0.0.1:${port}: nothing listens there`,
    });
  });

  it.skipIf(mosquittoUnavailable !== undefined)("is unhealthy where the broker lets it not in", async () => {
    const broker = await startMosquitto({ users: { app: "right" } });
    try {
      const spec = { url: broker.url, username: "app", password: "hunter2", topic: "a" };
      expect(await (await open(spec)).check(never)).toEqual({
        healthy: false,
        detail: `the broker 127.0.0.1:${broker.port}: it refuses the login`,
      });
    } finally {
      await broker.close();
    }
  });
});
