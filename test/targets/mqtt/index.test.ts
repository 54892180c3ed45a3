import { describe, expect, it } from "vitest";
import type { Document } from "../../../src/core/value.js";
import { mqtt } from "../../../src/targets/mqtt/index.js";
import type { MqttConnection } from "../../../src/targets/mqtt/spec.js";

const connection: MqttConnection = { url: "mqtt://Broker.example", username: "u", password: "p4ss" };
const admit = (document: Document, over: { prefix?: string; connection?: MqttConnection } = {}) =>
  mqtt.admit({
    spec: { prefix: over.prefix ?? "predictor/config", payload: "auto" },
    connection: over.connection ?? connection,
    document,
  });

describe("the spec of an mqtt target", () => {
  it("needs a prefix and takes a payload mode", () => {
    expect(mqtt.spec.parse({ prefix: "a/b" })).toEqual({ prefix: "a/b", payload: "auto" });
    expect(mqtt.spec.safeParse({}).success).toBe(false);
    expect(mqtt.spec.safeParse({ prefix: "a", payload: "xml" }).success).toBe(false);
    expect(mqtt.spec.safeParse({ prefix: "a", topic: "b" }).success).toBe(false);
  });

  it.each([
    ["", "empty"],
    ["a/#", "wildcard"],
    ["a/+/b", "wildcard"],
    ["$SYS/broker", "begins with `$`"],
    ["$share/group/a", "begins with `$`"],
    ["a/b/", "ends with `/`"],
    ["a/$trueup/b", "Trueup's own"],
    ["a\0b", "NUL"],
    ["\ud800", "Unicode"],
    ["a".repeat(65_536), "65,535 bytes"],
  ])("refuses the prefix %j and says why", (prefix, why) => {
    const result = mqtt.spec.safeParse({ prefix });
    expect(result.error?.issues[0]?.message).toContain(why);
  });
});

describe("the connection of an mqtt target", () => {
  it.each(["mqtt://broker", "mqtts://broker.example:8883", "mqtt://[::1]:1883", "mqtt://user:pass@broker"])(
    "takes %s",
    (url) => {
      expect(mqtt.connection.safeParse({ url }).success).toBe(true);
    },
  );

  it.each(["http://broker", "broker:1883", "", "ws://broker"])("refuses %j", (url) => {
    expect(mqtt.connection.safeParse({ url }).error?.issues[0]?.message).toContain("mqtt://host");
  });

  it("refuses keys and protocol versions that there are not", () => {
    expect(mqtt.connection.safeParse({ url: "mqtt://b", insecure: true }).success).toBe(false);
    expect(mqtt.connection.safeParse({ url: "mqtt://b", protocolVersion: 3 }).success).toBe(false);
  });
});

describe("admission", () => {
  it("claims the broker and the levels of the prefix, without a credential", () => {
    expect(admit({ "rooms/kitchen": 21 })).toEqual([
      { system: "mqtt broker.example:1883", path: ["predictor", "config"] },
    ]);
    const [claim] = admit({}, { connection: { url: "mqtts://user:secret@b.example" } });
    expect(claim?.system).toBe("mqtt b.example:8883");
  });

  it("keeps targets below the connection's prefix", () => {
    const narrow = { ...connection, prefix: "predictor" };
    expect(admit({}, { connection: narrow })).toHaveLength(1);
    expect(admit({}, { connection: narrow, prefix: "predictor" })).toHaveLength(1);
    for (const prefix of ["predictors/config", "other", "pre"]) {
      expect(() => admit({}, { connection: narrow, prefix })).toThrow(
        expect.objectContaining({ code: "TARGET_REFUSED" }),
      );
    }
  });

  it.each(["rooms/+", "#", "a#b", "$trueup/x", "rooms/$trueup", "nul\0"])("refuses the topic %j", (key) => {
    expect(() => admit({ [key]: 1 })).toThrow(expect.objectContaining({ code: "DOCUMENT_UNREPRESENTABLE" }));
  });

  it("takes topics that look odd but are fine", () => {
    expect(admit({ "": 1, "/": 2, "a//b": 3, $SYS: 4, "zimmer/küche 1": 5, ["__proto__"]: 6 })).toHaveLength(1);
  });

  it("names the topic whose payload cannot be, and not the payload", () => {
    expect(() => admit({ "rooms/a": "" })).toThrow(/topic "predictor\/config\/rooms\/a": an empty payload/);
  });
});
