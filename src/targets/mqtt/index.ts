import { TrueupError } from "../../core/errors.js";
import type { TargetKind } from "../target.js";
import { encodePayload } from "./payload.js";
import { brokerAddress, mqttConnection, mqttSpec, type MqttConnection, type MqttSpec } from "./spec.js";
import { topicOf } from "./topics.js";

/** Retained topics below a prefix of an MQTT broker: topic below the prefix → payload. */
export const mqtt: TargetKind<MqttSpec, MqttConnection> = {
  kind: "mqtt",
  manyDocuments: false,
  spec: mqttSpec,
  connection: mqttConnection,
  admit({ spec, connection, document }) {
    const allowed = connection.prefix;
    if (allowed !== undefined && spec.prefix !== allowed && !spec.prefix.startsWith(`${allowed}/`)) {
      throw new TrueupError("TARGET_REFUSED", `the prefix "${spec.prefix}" is not below "${allowed}"`, {
        hint: "the connection in trueup.yaml narrows what targets reach: choose a prefix below it, or ask its operator",
      });
    }
    for (const [key, value] of Object.entries(document)) {
      const topic = topicOf(spec.prefix, key);
      try {
        encodePayload(value, spec.payload);
      } catch (error) {
        if (!(error instanceof TrueupError)) throw error;
        throw new TrueupError(error.code, `topic "${topic}": ${error.message}`, { hint: error.hint });
      }
    }
    return [{ system: `mqtt ${brokerAddress(connection)}`, path: spec.prefix.split("/") }];
  },
  load: () => Promise.all([import("./target.js"), import("mqtt")]),
  async open(options) {
    const { openMqtt } = await import("./target.js");
    return openMqtt(options);
  },
};
