import { within } from "../failure.js";
import type { Notifier } from "../notifier.js";
import { payloadOf } from "../payload.js";
import { presenceOf, publicationsOf } from "./discovery.js";
import { brokerOf } from "../../lib/mqtt.js";
import { openLink } from "./link.js";
import type { MqttSpec } from "./spec.js";

const TIMEOUT_MS = 20_000;

/**
 * Messages go over one connection and states over another: only the latter's end means that the states are no longer kept,
 * and a command that sends a single message must not say that.
 */
export function openMqtt(spec: MqttSpec): Notifier {
  const presence = presenceOf(spec);
  const events = openLink(spec);
  const states = openLink(spec, presence);
  const where = `the broker ${brokerOf(spec)}`;
  const milliseconds = TIMEOUT_MS;
  return {
    async deliver(message, signal) {
      const publication = { topic: `${spec.prefix}/events`, payload: payloadOf(message), retain: false };
      await within((stop) => events.publish([publication], stop), { where, milliseconds, signal });
      return {};
    },
    async show(shown, signal) {
      const publications = shown.flatMap((state) => publicationsOf(spec, state));
      await within((stop) => states.publish(publications, stop), { where, milliseconds, signal });
    },
    async close() {
      await Promise.all([events.close(), states.close(presence.will)]);
    },
  };
}
