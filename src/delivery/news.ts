import { randomUUID } from "node:crypto";
import { type IncidentView, type Step, type Transition, WAITING } from "../core/incident.js";
import type { Value } from "../core/value.js";
import { readJson, stringifyJson } from "../lib/json.js";
import type { Message } from "../notifiers/notifier.js";
import type { IncidentChange, News, NewMessage, StoredIncident } from "../store/store.js";
import type { Route } from "./routes.js";
import { messageOf } from "./words.js";

export interface Telling {
  readonly transitions: readonly Transition[];
  readonly stored: readonly StoredIncident[];
  readonly routes: readonly Route[];
  readonly now: Date;
}

/** What is to be saved of a pass: how its incidents stand, and one message a step for each notifier that is to hear of it. */
export function newsOf({ transitions, stored, routes, now }: Telling): News | undefined {
  if (transitions.length === 0) return undefined;
  const known = new Map(stored.map((incident) => [incident.fingerprint, incident]));
  const together = randomUUID();
  const incidents: IncidentChange[] = [];
  const heard: Heard[] = [];
  for (const transition of transitions) {
    const { view, held, escalatedAfter } = transition.after;
    const { fingerprint, environment, target, path, severity } = view;
    const before = known.get(fingerprint);
    const openedWith = before?.openedWith ?? together;
    const mine = listeners(transition, { told: before?.told ?? [], routes });
    for (const { route, step } of mine) heard.push({ route, step, view, openedWith });
    incidents.push({
      ...{ fingerprint, environment, target, severity, held, escalatedAfter, openedWith, view: encode(view) },
      told: [...new Set([...(before?.told ?? []), ...mine.map(({ route }) => route.name)])],
      ...(path === undefined ? {} : { path }),
      ...(before === undefined ? {} : { version: before.version }),
      ...(transition.ended === undefined ? {} : { closedAs: transition.ended }),
    });
  }
  return { incidents, messages: group(heard).map((telling) => outgoing(telling, now)) };
}

interface Heard {
  readonly route: Route;
  readonly step: Step;
  readonly view: IncidentView;
  readonly openedWith: string;
}

/**
 * Who hears of which step. What its condition lets through, a notifier hears from then on, its end too, whatever becomes of the
 * condition; and what it hears first is an opening.
 */
function listeners(
  { before, after, steps }: Transition,
  { told, routes }: { told: readonly string[]; routes: readonly Route[] },
): readonly Pick<Heard, "route" | "step">[] {
  const knowing = new Set(told);
  const result: Pick<Heard, "route" | "step">[] = [];
  const tell = (route: Route, step: Step): void => {
    result.push({ route, step });
    knowing.add(route.name);
  };
  for (const step of steps) {
    if (step === "aged") {
      const reached = (age: number) => age > (before?.escalatedAfter ?? 0) && age <= after.escalatedAfter;
      const told = routes.filter(
        ({ name, escalate }) => escalate !== undefined && knowing.has(name) && reached(escalate.after),
      );
      const names = new Set(told.map(({ name, escalate }) => escalate?.to ?? name));
      for (const route of routes) if (names.has(route.name)) tell(route, step);
      continue;
    }
    for (const route of routes) {
      if (knowing.has(route.name)) tell(route, step);
      else if (step !== "resolved" && route.concerns(after.view, step)) tell(route, "opened");
    }
  }
  return result;
}

type Group = Pick<Heard, "route" | "step"> & { readonly views: IncidentView[] };

/** One message for the drift that took the same step; where messages are threads, only for what is in the same one. */
function group(heard: readonly Heard[]): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const { route, step, view, openedWith } of heard) {
    const key = JSON.stringify([route.name, step, route.threaded && openedWith, view.kind === WAITING]);
    const known = groups.get(key);
    if (known === undefined) groups.set(key, { route, step, views: [view] });
    else known.views.push(view);
  }
  return [...groups.values()];
}

function outgoing({ route, step, views }: Group, now: Date): NewMessage {
  const message = messageOf({ id: randomUUID(), at: now.toISOString(), step, incidents: views });
  const until = route.waitsUntil(message.severity, now.getTime());
  return {
    ...{ notifier: route.name, id: message.id, incidents: views.map(({ fingerprint }) => fingerprint) },
    message: encodeMessage(message),
    ...(until === undefined ? {} : { notBefore: new Date(until).toISOString() }),
    urgent: message.severity === "critical" && until === undefined,
  };
}

/** Views and messages are made of values, lists and maps only; their types say more than the tree's. */
function encode(value: IncidentView | Message): string {
  return stringifyJson(value as unknown as Value);
}

export function encodeMessage(message: Message): string {
  return encode(message);
}

export function decodeMessage(text: string): Message {
  return readJson(text) as unknown as Message;
}

export function decodeView(text: string): IncidentView {
  return readJson(text) as unknown as IncidentView;
}
