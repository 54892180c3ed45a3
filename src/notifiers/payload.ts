import { mapOf, type Value, type ValueMap } from "../core/value.js";
import { readJson, stringifyJson } from "../lib/json.js";
import type { IncidentView, Message } from "./notifier.js";

/** A message as JSON for machines: docs/notifiers/webhook.md shows the shape. What is absent has no key. */
export function payloadOf(message: Message): string {
  const { id, at, kind, title, text, severity, url, page } = message;
  const incidents = message.incidents.map(incidentOf);
  const report = page === undefined ? undefined : readJson(page);
  return stringifyJson(present({ schemaVersion: 1, id, at, kind, title, text, severity, incidents, url, report }));
}

function incidentOf(view: IncidentView): ValueMap {
  const { fingerprint, environment, target, path, kind, severity, desired, live, rule, since, note } = view;
  const changedBy = view.changedBy === undefined ? undefined : present({ ...view.changedBy });
  return present({
    fingerprint,
    environment,
    target,
    path,
    kind,
    severity,
    desired,
    live,
    rule,
    since,
    note,
    changedBy,
  });
}

function present(members: Readonly<Record<string, Value | undefined>>): ValueMap {
  return mapOf(Object.entries(members).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])));
}
