import type { NotifierKind } from "../notifier.js";
import { mqttSpec, type MqttSpec } from "./spec.js";

/** Messages and each environment's state on a broker, with Home Assistant's discovery. */
export const mqtt: NotifierKind<MqttSpec> = {
  kind: "mqtt",
  spec: mqttSpec,
  paths: ["ca"],
  async open(spec) {
    const { openMqtt } = await import("./notifier.js");
    return openMqtt(spec);
  },
};
