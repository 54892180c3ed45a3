import type { ProbeKind } from "../probe.js";
import { mqttSpec, type MqttSpec } from "./spec.js";

/** Somebody publishes on a topic. */
export const mqtt: ProbeKind<MqttSpec> = {
  kind: "mqtt",
  schema: mqttSpec,
  paths: ["ca"],
  async open(spec) {
    const { openMqtt } = await import("./probe.js");
    return openMqtt(spec);
  },
};
