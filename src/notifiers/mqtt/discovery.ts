import { createHash } from "node:crypto";
import type { EnvironmentState } from "../notifier.js";
import type { Publication, Presence } from "./link.js";
import type { MqttSpec } from "./spec.js";

/** A name as a topic's level and an entity's id; names that only differ in other characters stay apart. */
function slugOf(name: string): string {
  const slug = name.replace(/[^A-Za-z0-9_-]/g, "_");
  return slug === name ? slug : `${slug}_${createHash("sha256").update(name).digest("hex").slice(0, 8)}`;
}

function availabilityTopic({ prefix }: MqttSpec): string {
  return `${prefix}/availability`;
}

export function presenceOf(spec: MqttSpec): Presence {
  const topic = availabilityTopic(spec);
  return {
    hello: { topic, payload: "online", retain: true },
    will: { topic, payload: "offline", retain: true },
  };
}

/** https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery: one sensor an environment, of one device. */
export function publicationsOf(spec: MqttSpec, state: EnvironmentState): readonly Publication[] {
  const { environment } = state;
  const slug = slugOf(environment);
  const topic = `${spec.prefix}/${slug}/state`;
  const id = `trueup_${slug}`;
  const config = {
    name: environment,
    unique_id: id,
    state_topic: topic,
    value_template: "{{ value_json.state }}",
    json_attributes_topic: topic,
    availability_topic: availabilityTopic(spec),
    icon: "mdi:source-branch-check",
    device: { identifiers: [`trueup_${slugOf(spec.prefix)}`], name: "Trueup", manufacturer: "Trueup" },
    origin: { name: "Trueup" },
  };
  return [
    { topic: `${spec.discoveryPrefix}/sensor/${id}/config`, payload: JSON.stringify(config), retain: true },
    { topic, payload: JSON.stringify(state), retain: true },
  ];
}
