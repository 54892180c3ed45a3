import { FAILED_ROLLOUT, type IncidentView, type Step, WAITING } from "../core/incident.js";
import { SEVERITIES, type Severity } from "../core/policy.js";
import { formatDuration } from "../lib/duration.js";
import type { Message } from "../notifiers/notifier.js";

export interface Telling {
  readonly id: string;
  /** ISO 8601. */
  readonly at: string;
  readonly step: Step;
  /** One or more, of one target. */
  readonly incidents: readonly IncidentView[];
}

/** What people read of one step of one or more incidents: `prod/settings: 3 settings drifted (high)`. */
export function messageOf({ id, at, step, incidents }: Telling): Message {
  const severity = worstOf(incidents);
  const [first] = incidents;
  const place = first === undefined ? "" : `${placeOf(first)}: `;
  const kind = step === "aged" ? "escalated" : step;
  return { id, at, kind, title: `${place}${sentence({ at, step, incidents })}`, text: "", severity, incidents };
}

/** A revision fails in an environment, whatever stands for its target. */
function placeOf({ environment, target, kind }: IncidentView): string {
  return kind === FAILED_ROLLOUT ? environment : `${environment}/${target}`;
}

export function worstOf(incidents: readonly Pick<IncidentView, "severity">[]): Severity {
  return SEVERITIES.findLast((severity) => incidents.some((incident) => incident.severity === severity)) ?? "low";
}

/** Of a plan that waits there is one a target. */
function waitingSentence(step: Step, severity: Severity): string {
  switch (step) {
    case "opened":
      return `a plan waits for an approval (${severity})`;
    case "changed":
    case "escalated":
      return `another plan waits for an approval (${severity})`;
    case "aged":
      return `a plan still waits for an approval (${severity})`;
    case "resolved":
      return "no plan waits for an approval any more";
  }
}

/** Of a revision that failed there is one an environment. */
function failedSentence(step: Step, incidents: readonly IncidentView[]): string {
  const note = incidents.find((incident) => incident.note !== undefined)?.note;
  const why = note === undefined ? "" : `: ${note}`;
  switch (step) {
    case "opened":
    case "changed":
    case "escalated":
      return `a revision failed${why}`;
    case "aged":
      return `the newest revision is still one that failed${why}`;
    case "resolved":
      return `the revision that failed is over${why}`;
  }
}

function sentence({ at, step, incidents }: Omit<Telling, "id">): string {
  if (incidents.every(({ kind }) => kind === FAILED_ROLLOUT)) return failedSentence(step, incidents);
  if (incidents.every(({ kind }) => kind === WAITING)) return waitingSentence(step, worstOf(incidents));
  const settings = count(incidents.length);
  const severity = worstOf(incidents);
  switch (step) {
    case "opened":
      return `${settings} drifted (${severity})`;
    case "changed":
      return `the drift of ${settings} changed (${severity})`;
    case "escalated":
      return `the drift of ${settings} is now ${severity}`;
    case "aged": {
      const oldest = Math.min(...incidents.map(({ since }) => Date.parse(since)));
      return `${settings} ${incidents.length === 1 ? "has" : "have"} drifted for ${formatDuration(Date.parse(at) - oldest)} (${severity})`;
    }
    case "resolved": {
      const notes = new Set(incidents.map(({ note }) => note));
      const [note] = notes;
      return `the drift of ${settings} is over${notes.size === 1 && note !== undefined ? `: ${note}` : ""}`;
    }
  }
}

function count(settings: number): string {
  return settings === 1 ? "1 setting" : `${settings} settings`;
}

/** Messages that were collected, as one. The incidents are as the last of them has it. */
export function digestOf(messages: readonly Message[], { id, at }: { id: string; at: string }): Message {
  const incidents = new Map<string, IncidentView>();
  const over = new Set<string>();
  for (const message of messages) {
    for (const incident of message.incidents) {
      incidents.set(incident.fingerprint, incident);
      if (message.kind === "resolved") over.add(incident.fingerprint);
      else over.delete(incident.fingerprint);
    }
  }
  const all = [...incidents.values()];
  const open = all.length - over.size;
  return {
    ...{ id, at, kind: "digest", severity: worstOf(all), incidents: all },
    title: `${count(all.length)} drifted since the last digest: ${open} still, ${over.size} not any more`,
    text: messages.map(({ at: when, title }) => `${when.slice(0, 16).replace("T", " ")} ${title}`).join("\n"),
  };
}
