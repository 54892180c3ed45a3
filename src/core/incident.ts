import type { Attribution } from "./attribution.js";
import { listScope } from "./lists.js";
import type { Pointer } from "./pointer.js";
import { SEVERITIES, type Severity } from "./policy.js";
import { canonical } from "./same.js";
import type { Value } from "./value.js";

/** One drift as it may be told to the world: redacted, sensitive values only as the beginning of their keyed hash. */
export interface IncidentView {
  /** Stable: the same drift has the same one, whenever and in whatever order it is found. */
  readonly fingerprint: string;
  readonly environment: string;
  readonly target: string;
  /** A JSON Pointer; absent where the whole target is meant. */
  readonly path?: string;
  readonly kind: string;
  readonly severity: Severity;
  /** Null where absent. */
  readonly desired: Value;
  readonly live: Value;
  readonly rule: string;
  /** ISO 8601. */
  readonly since: string;
  /** Why it is told, where the values do not say it: flapping, a hold that ended, who decided. */
  readonly note?: string;
  /** Who moved the live side, and how sure that is; absent where nothing tells. */
  readonly changedBy?: Attribution;
}

/** An incident that is open. */
export interface OpenIncident {
  /** As it was told last. */
  readonly view: IncidentView;
  /** Whether a hold lies on it: nobody is told while it does. */
  readonly held: boolean;
  /** The greatest of the ages that were told, in milliseconds; 0 before the first. */
  readonly escalatedAfter: number;
}

/** `aged`: it has been open for one of the ages at which people are told again. */
export type Step = "opened" | "changed" | "escalated" | "aged" | "resolved";

/** How an incident ended. `decided`: a plan waits no longer for an approval. `superseded`: the branch moved on from a revision that failed. `unalerted`: the drift is there, and the policy no longer says to tell of it. */
export type Ending = "healed" | "adopted" | "resolved" | "unalerted" | "decided" | "superseded" | "retired";

export interface Transition {
  readonly before: OpenIncident | undefined;
  readonly after: OpenIncident;
  /** What people are told, in order. Empty where only the record changes: a hold began. */
  readonly steps: readonly Step[];
  readonly ended?: Ending;
}

/** The kind of an incident that is no drift: a plan of the target waits for a person's approval. */
export const WAITING = "approval";
/** The kind of an incident that is no drift: a revision failed as it rolled out. */
export const FAILED_ROLLOUT = "rollout";

/** A finding as the report has it. */
export interface IncidentFinding {
  /** `""` is the whole target. */
  readonly path: Pointer;
  readonly kind: string;
  readonly severity: Severity;
  readonly desired: Value;
  readonly live: Value;
  readonly rule: string;
  readonly actions: readonly string[];
  readonly note?: string;
  readonly restrained?: string;
  readonly changedBy?: Attribution;
}

export interface Pass {
  readonly environment: string;
  readonly target: string;
  readonly open: readonly OpenIncident[];
  readonly findings: readonly IncidentFinding[];
  /** What the pass wrote or adopted, and what came of it. */
  readonly settled: readonly { readonly finding: IncidentFinding; readonly ending: Ending }[];
  /** ISO 8601. */
  readonly now: string;
  /** How long ago an instant was, in milliseconds. */
  readonly age: (since: string) => number;
  /** The ages at which people are told again, in milliseconds. */
  readonly ages: readonly number[];
  /** A hash of a text, the same on every controller. */
  readonly hash: (text: string) => string;
}

/**
 * What a pass that could look does to the incidents of a target. A pass that could not look does nothing to them.
 * | open | now found                               | steps |
 * |------|-----------------------------------------|-------|
 * | no   | with `alert`, or flapping               | opened |
 * | no   | and settled in this very pass           | opened, resolved |
 * | no   | held, or without `alert`                | |
 * | yes  | as it was                               | aged, where it reached an age |
 * | yes  | more severe                             | escalated |
 * | yes  | less severe, another kind, desired or live; or its hold ended | changed, and aged |
 * | yes  | held                                    | none: noted, and still open |
 * | yes  | without `alert`                         | resolved: unalerted |
 * | yes  | no more                                 | resolved: healed, adopted, by itself; of a plan: decided; of a revision: superseded |
 */
export function transitions(pass: Pass): readonly Transition[] {
  const open = new Map(pass.open.map((incident) => [incident.view.fingerprint, incident]));
  const seen = new Set<string>();
  const found = pass.findings.flatMap((finding): readonly (Transition | undefined)[] => {
    const fingerprint = fingerprintOf({ ...pass, path: finding.path }, pass.hash);
    seen.add(fingerprint);
    const before = open.get(fingerprint);
    if (before !== undefined) return [goneOn(before, finding, pass)];
    return isTold(finding) ? [opening(finding, fingerprint, pass)] : [];
  });
  const settled = new Map(
    pass.settled.map((one) => [fingerprintOf({ ...pass, path: one.finding.path }, pass.hash), one] as const),
  );
  const passing = [...settled].flatMap(([fingerprint, { finding, ending }]): readonly Transition[] => {
    if (seen.has(fingerprint) || open.has(fingerprint) || !isTold(finding)) return [];
    const { after } = opening(finding, fingerprint, pass);
    return [{ before: undefined, after: noted(after, ending), steps: ["opened", "resolved"], ended: ending }];
  });
  const gone = pass.open
    .filter(({ view }) => !seen.has(view.fingerprint))
    .map((before) => resolved(before, settled.get(before.view.fingerprint)?.ending ?? endOf(before)));
  return [...found.filter((one) => one !== undefined), ...passing, ...gone];
}

function endOf({ view }: OpenIncident): Ending {
  if (view.kind === FAILED_ROLLOUT) return "superseded";
  return view.kind === WAITING ? "decided" : "resolved";
}

/** The end of an incident. Whoever knew nothing of it but a hold is told of its end all the same. */
export function resolved(before: OpenIncident, ending: Ending): Transition {
  return { before, after: noted(before, ending), steps: ["resolved"], ended: ending };
}

/** Time and order do not enter, and neither do the values: a drift that changes is the same incident. */
function fingerprintOf(
  { environment, target, path }: { environment: string; target: string; path: Pointer },
  hash: Pass["hash"],
): string {
  return hash(JSON.stringify([environment, target, path]));
}

function isTold({ actions, restrained }: IncidentFinding): boolean {
  return restrained === "flapping" || (restrained === undefined && actions.includes("alert"));
}

function opening(finding: IncidentFinding, fingerprint: string, pass: Pass): Transition {
  const view = viewOf(finding, { ...pass, fingerprint, since: pass.now });
  return { before: undefined, after: { view, held: false, escalatedAfter: 0 }, steps: ["opened"] };
}

function goneOn(before: OpenIncident, finding: IncidentFinding, pass: Pass): Transition | undefined {
  const { fingerprint, since } = before.view;
  const view = viewOf(finding, { ...pass, fingerprint, since });
  if (finding.restrained === "held") {
    const same = before.held && before.view.note === view.note;
    return same ? undefined : { before, after: { ...before, view, held: true }, steps: [] };
  }
  if (!isTold(finding)) return resolved(before, "unalerted");
  const age = pass.age(since);
  const reached = Math.max(before.escalatedAfter, ...pass.ages.filter((each) => each <= age));
  const steps: readonly Step[] = [
    ...moved(before, view),
    ...(reached > before.escalatedAfter ? ["aged" as const] : []),
  ];
  if (steps.length === 0) return undefined;
  const note = before.held && view.note === undefined ? { note: "the hold ended" } : {};
  return { before, after: { view: { ...view, ...note }, held: false, escalatedAfter: reached }, steps };
}

function moved({ view: was, held }: OpenIncident, now: IncidentView): readonly Step[] {
  if (SEVERITIES.indexOf(now.severity) > SEVERITIES.indexOf(was.severity)) return ["escalated"];
  const same =
    now.severity === was.severity &&
    now.kind === was.kind &&
    text(now.live) === text(was.live) &&
    text(now.desired) === text(was.desired);
  return same && !held ? [] : ["changed"];
}

function text(value: Value): string {
  return canonical(value, listScope({}));
}

function viewOf(
  { path, kind, severity, desired, live, rule, note, changedBy }: IncidentFinding,
  of: Pick<IncidentView, "fingerprint" | "environment" | "target" | "since">,
): IncidentView {
  const { fingerprint, environment, target, since } = of;
  const view = { fingerprint, environment, target, kind, severity, desired, live, rule, since };
  return {
    ...view,
    ...(path === "" ? {} : { path }),
    ...(note === undefined ? {} : { note }),
    ...(changedBy === undefined ? {} : { changedBy }),
  };
}

const ENDINGS: Readonly<Record<Ending, string>> = {
  healed: "healed",
  adopted: "the live value was adopted",
  resolved: "in sync again",
  unalerted: "the policy no longer alerts",
  decided: "it was approved, or is no longer to be written",
  superseded: "its branch has moved on",
  retired: "git no longer names the target",
};

function noted(incident: OpenIncident, ending: Ending): OpenIncident {
  return { ...incident, view: { ...incident.view, note: ENDINGS[ending] } };
}
