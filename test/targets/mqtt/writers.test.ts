import { describe, expect, it } from "vitest";
import { connectClient, openTarget } from "../../support/mqtt.js";
import { mosquittoUnavailable, startMosquitto } from "../../support/mosquitto.js";
import { until } from "../../support/world.js";

const signal = () => AbortSignal.timeout(10_000);
const managed = new Set(["mode"]);

describe.skipIf(mosquittoUnavailable !== undefined)("who wrote a topic", () => {
  it("is likely who the publication says, for a removal, too, and never Trueup itself", async () => {
    const broker = await startMosquitto();
    const client = await connectClient(broker.url, { protocolVersion: 5 });
    const target = await openTarget({ url: broker.url }, { prefix: "app", payload: "auto" });
    const put = async (payload: string, userProperties?: Record<string, string>) => {
      const properties = userProperties === undefined ? {} : { properties: { userProperties } };
      await client.publishAsync("app/mode", payload, { retain: true, qos: 1, ...properties });
    };
    const ask = async () => {
      await target.observe(managed, signal());
      const writers = await target.lastWriters?.(["/mode", "/mode/below", "/other"], signal());
      return Object.fromEntries(writers ?? []);
    };
    try {
      await put("auto");
      expect(await ask()).toEqual({});
      const at = "2026-11-21T03:12:00Z";
      await put("manual", { Client_Id: "panel-7", "written-by": "alice", "written-at": at });
      const alice = { by: "alice", at, how: "user property written-by", certainty: "likely" };
      expect(await ask()).toEqual({ "/mode": alice, "/mode/below": alice });
      const late = await openTarget({ url: broker.url }, { prefix: "app", payload: "auto" });
      await late.observe(managed, signal());
      expect(await late.lastWriters?.(["/mode"], signal())).toEqual(new Map([["/mode", alice]]));
      await late.close();

      await target.apply([{ path: "/mode", expected: "manual", desired: "auto" }], signal());
      expect(await ask()).toEqual({});
      const own: unknown[] = [];
      client.on("message", (_topic, _payload, { properties }) => own.push(properties?.userProperties));
      await client.subscribeAsync("app/mode");
      await until(() => own.length === 1);
      expect(own).toEqual([{ "written-by": "trueup", "written-at": expect.stringMatching(/Z$/) as string }]);

      await put("x", { user: "u".repeat(60_000) });
      expect((await ask())["/mode"]?.by).toBe("u".repeat(200));
      await put("", { "client-id": "panel-7" });
      await until(async () => {
        expect((await ask())["/mode"]).toEqual({ by: "panel-7", how: "user property client-id", certainty: "likely" });
      });
    } finally {
      await target.close();
      await client.endAsync(true);
      await broker.close();
    }
  });

  it("is unknown on MQTT 3.1.1, and writing works as ever", async () => {
    const broker = await startMosquitto();
    const target = await openTarget({ url: broker.url, protocolVersion: 4 }, { prefix: "app", payload: "auto" });
    try {
      await target.observe(managed, signal());
      const outcomes = await target.apply([{ path: "/mode", expected: undefined, desired: "auto" }], signal());
      expect(outcomes).toEqual([{ path: "/mode", result: "applied" }]);
      expect(await target.lastWriters?.(["/mode"], signal())).toEqual(new Map());
    } finally {
      await target.close();
      await broker.close();
    }
  });
});
