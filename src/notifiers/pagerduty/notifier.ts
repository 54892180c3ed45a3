import { attributionText } from "../../core/attribution.js";
import type { Severity } from "../../core/policy.js";
import { followable } from "../html.js";
import { send } from "../http.js";
import type { IncidentView, Message, Notifier } from "../notifier.js";
import { cut, nameOf, VALUE, valueText } from "../text.js";
import { oneLine } from "../../lib/one-line.js";
import type { PagerdutySpec } from "./spec.js";

const SEVERITY: Readonly<Record<Severity, string>> = {
  critical: "critical",
  high: "error",
  medium: "warning",
  low: "info",
};

/**
 * One event an incident, known to PagerDuty by its fingerprint: a message that is sent again changes nothing there. Reports
 * wake nobody, and a test is resolved at once.
 */
export function openPagerduty({ routingKey, url }: PagerdutySpec): Notifier {
  return {
    async deliver(message, signal) {
      for (const event of eventsOf(message)) {
        await send({ url, body: JSON.stringify({ routing_key: routingKey, ...event }) }, signal);
      }
      return {};
    },
    close: () => Promise.resolve(),
  };
}

/** https://developer.pagerduty.com/docs/send-alert-event */
function eventsOf(message: Message): readonly object[] {
  const { kind, id, incidents } = message;
  switch (kind) {
    case "report":
      return [];
    case "resolved":
      return incidents.map(({ fingerprint }) => ({ event_action: "resolve", dedup_key: keyOf(fingerprint) }));
    case "test":
      return [trigger(message, id), { event_action: "resolve", dedup_key: keyOf(id) }];
    case "opened":
    case "changed":
    case "escalated":
    case "digest":
      return incidents.map((incident) => trigger(message, incident.fingerprint, incident));
  }
}

function trigger(message: Message, key: string, incident?: IncidentView): object {
  const { title, url, at, text } = message;
  const address = url === undefined ? undefined : followable(url);
  const name = incident === undefined ? "" : oneLine(nameOf(incident));
  return {
    event_action: "trigger",
    dedup_key: keyOf(key),
    client: "Trueup",
    ...(address === undefined ? {} : { client_url: address, links: [{ href: address, text: "Read more" }] }),
    payload: {
      summary: cut(name === "" ? oneLine(title) || "Trueup" : `${name}: ${oneLine(title)}`, 1_024),
      source: incident === undefined ? "trueup" : cut(`${incident.environment}/${incident.target}`, 255),
      severity: SEVERITY[incident?.severity ?? message.severity],
      timestamp: at,
      ...(incident === undefined ? {} : detailsOf(incident, text)),
    },
  };
}

function detailsOf(incident: IncidentView, text: string): object {
  const { environment, target, kind, path, desired, live, rule, since, note, changedBy } = incident;
  return {
    component: cut(target, 255),
    group: cut(environment, 255),
    class: kind,
    custom_details: {
      ...(path === undefined ? {} : { path: cut(path, VALUE) }),
      desired: cut(valueText(desired), VALUE),
      live: cut(valueText(live), VALUE),
      rule: cut(rule, VALUE),
      since,
      ...(changedBy === undefined ? {} : { changed_by: cut(attributionText(changedBy), VALUE) }),
      ...(note === undefined ? {} : { note: cut(note, 3_000) }),
      ...(text === "" ? {} : { text: cut(text, 3_000) }),
    },
  };
}

function keyOf(text: string): string {
  return cut(text, 255);
}
