import { z } from "zod";
import { formatPlace } from "../core/errors.js";
import { SEVERITIES } from "../core/policy.js";
import type { Value } from "../core/value.js";
import { stringifyJson } from "../lib/json.js";
import { type Decided, type Recorded, replay, type Side } from "../policies/backtest.js";
import { DEFAULT_POLICY, readDriftPolicy, type SourcedPolicy } from "../policies/drift.js";
import { tipOf } from "../reconcile/desired.js";
import { refresh } from "../reconcile/environment.js";
import type { Session } from "../reconcile/session.js";
import { decodeStatus } from "../reconcile/status.js";
import type { Event } from "../store/store.js";
import type { Operation, OperationContext } from "./operation.js";
import { select } from "./selection.js";

export interface BacktestReport {
  readonly schemaVersion: 1;
  /** ISO 8601 */
  readonly since: string;
  /** False where there was more than could be replayed: only the newest was. */
  readonly complete: boolean;
  readonly replayed: number;
  readonly unchanged: number;
  /** Newest first. */
  readonly changes: readonly BacktestChange[];
  /** What cannot be told, newest first. */
  readonly unclear: readonly Unclear[];
  readonly rules: readonly BacktestRule[];
}

export interface BacktestChange extends Replayable {
  readonly kind: string;
  readonly desired: Value;
  readonly live: Value;
  readonly was: Decided;
  readonly wouldBe: Decided | "none";
}

export interface Unclear extends Replayable {
  /** The first rule that read what the history does not show, and what that is. */
  readonly rule: string;
  readonly missing: Side;
}

interface Replayable {
  readonly at: string;
  readonly environment: string;
  readonly target: string;
  readonly path: string;
}

export interface BacktestRule {
  readonly name: string;
  readonly where: string;
  readonly matched: number;
  readonly unclear: number;
}

const argsSchema = z.object({
  environments: z.array(z.string()),
  /** ISO 8601. */
  since: z.string(),
  /** The text of a `drift.yaml`, and its name. */
  policy: z.object({ file: z.string(), text: z.string() }).optional(),
  /** A branch, tag or commit that has the policies. Without either: what each environment's branch says now. */
  revision: z.string().optional(),
});

/** A year of a restless system; what it takes to hold as many at a time is bounded with it. */
const MOST = 100_000;

const FOUND: ReadonlySet<string> = new Set(["drifted", "pending", "unmanaged"]);
const ENDED = ["healed", "synced", "adopted", "pending-restart", "unreachable", "resolved"] as const;

/** What other policies would have decided on what was found in a period. */
export const backtest: Operation<z.output<typeof argsSchema>, BacktestReport> = {
  name: "backtest",
  args: argsSchema,
  async run(session, args, context) {
    const { since, environments: words } = args;
    const selection = select(session, words);
    const policies = await policiesFor(session, [...selection.keys()], { args, context });
    context.progress("reading the history");
    const events: Event[] = [];
    let complete = true;
    const { history } = await session.store();
    for await (const event of history.read({ types: [...FOUND, ...ENDED], since: new Date(since) })) {
      context.signal.throwIfAborted();
      const targets = selection.get(event.environment);
      if (!selection.has(event.environment) || targets?.includes(event.target ?? "") === false) continue;
      complete = events.length < MOST;
      if (!complete) break;
      events.push(event);
    }
    const kinds = await targetKindsOf(session, [...selection.keys()]);
    return { schemaVersion: 1, since, complete, ...replayAll(once(events.reverse()), policies, kinds) };
  },
};

type Policies = ReadonlyMap<string, SourcedPolicy>;

async function policiesFor(
  session: Session,
  environments: readonly string[],
  { args, context }: { args: z.output<typeof argsSchema>; context: OperationContext },
): Promise<Policies> {
  if (args.policy !== undefined) {
    const policy = await readDriftPolicy(args.policy.text, args.policy.file);
    return new Map(environments.map((name) => [name, policy]));
  }
  const { signal } = context;
  context.progress("asking git");
  const branches = await refresh(session, signal);
  const source = await session.source();
  const read = async (commit: string): Promise<SourcedPolicy> => {
    await source.verify(commit);
    const file = (await source.read(commit, ["policies"], signal)).get("policies/drift.yaml");
    if (file === undefined) return DEFAULT_POLICY;
    if ("refused" in file) throw file.refused;
    return readDriftPolicy(file.content.toString("utf8"), "policies/drift.yaml");
  };
  if (args.revision !== undefined) {
    const policy = await read(await source.resolve(args.revision));
    return new Map(environments.map((name) => [name, policy]));
  }
  return new Map(
    await Promise.all(environments.map(async (name) => [name, await read(tipOf(session, name, branches))] as const)),
  );
}

/** The kinds of the targets, by `environment/target`: events of earlier versions do not say them. */
async function targetKindsOf(session: Session, environments: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const { records } = await session.store();
  const loaded = await Promise.all(environments.map(async (name) => [name, await records.load(name)] as const));
  return new Map(
    loaded.flatMap(([environment, targets]) =>
      [...targets].map(
        ([target, { status }]) => [`${environment}/${target}`, decodeStatus(status)?.report.kind ?? ""] as const,
      ),
    ),
  );
}

/** Of events in order, those that tell of a finding for the first time: what was then healed was decided once, not twice. */
function once(events: readonly Event[]): readonly Event[] {
  const open = new Map<string, string>();
  return events.filter(({ type, environment, target = "", path = "", detail }) => {
    const setting = JSON.stringify([environment, target, path]);
    const finding =
      detail && stringifyJson([detail["kind"] ?? null, detail["desired"] ?? null, detail["live"] ?? null]);
    const before = open.get(setting);
    if (FOUND.has(type) && finding !== undefined) open.set(setting, finding);
    else open.delete(setting);
    return finding !== undefined && finding !== before;
  });
}

const detailSchema = z.object({
  kind: z.enum(["pending", "modified", "missing", "conflicted", "unmanaged"]),
  desired: z.custom<Value>(),
  live: z.custom<Value>(),
  severity: z.enum(SEVERITIES),
  rule: z.string(),
  actions: z.array(z.enum(["heal", "propose", "alert", "sync"])),
  targetKind: z.string().optional(),
  note: z.string().optional(),
});

function recordedOf(event: Event, kinds: ReadonlyMap<string, string>): Recorded | undefined {
  const { environment, target, path } = event;
  const parsed = detailSchema.safeParse(event.detail);
  if (!parsed.success || target === undefined || path === undefined) return undefined;
  const { kind, desired, live, severity, rule, actions, note } = parsed.data;
  const targetKind = parsed.data.targetKind ?? kinds.get(`${environment}/${target}`) ?? "";
  const was = { severity, actions, rule };
  return { environment, target, path, kind, targetKind, desired, live, was, restrained: note !== undefined };
}

function replayAll(events: readonly Event[], policies: Policies, kinds: ReadonlyMap<string, string>) {
  const changes: BacktestChange[] = [];
  const unclear: Unclear[] = [];
  const spoken = counters(policies);
  let replayed = 0;
  for (const event of events) {
    const policy = policies.get(event.environment);
    const recorded = recordedOf(event, kinds);
    if (policy === undefined || recorded === undefined) continue;
    replayed += 1;
    const { environment, target, path, kind, desired, live, was } = recorded;
    const what = { at: event.at, environment, target, path };
    const said = replay(recorded, policy);
    if (said.verdict === "unclear") {
      unclear.push({ ...what, rule: said.rule, missing: said.missing });
      spoken.count(policy, said.rule, "unclear");
      continue;
    }
    if (said.wouldBe !== "none") spoken.count(policy, said.wouldBe.rule, "matched");
    if (said.verdict === "changed") changes.push({ ...what, kind, desired, live, was, wouldBe: said.wouldBe });
  }
  const unchanged = replayed - changes.length - unclear.length;
  return { replayed, unchanged, changes: changes.reverse(), unclear: unclear.reverse(), rules: spoken.rules() };
}

/** Counts by rule; a rule that stands at the same place of several environments' policies is one. */
function counters(policies: Policies) {
  const rules = new Map<string, { name: string; where: string; matched: number; unclear: number }>();
  const keyOf = (name: string, where: string) => `${where} ${name}`;
  for (const { name, where } of [...policies.values()].flatMap((policy) => policy.rules)) {
    rules.set(keyOf(name, formatPlace(where)), { name, where: formatPlace(where), matched: 0, unclear: 0 });
  }
  return {
    count: (policy: SourcedPolicy, rule: string, what: "matched" | "unclear") => {
      const spoke = policy.rules.find(({ name }) => name === rule);
      const counted = spoke && rules.get(keyOf(rule, formatPlace(spoke.where)));
      if (counted !== undefined) counted[what] += 1;
    },
    rules: (): readonly BacktestRule[] => [...rules.values()],
  };
}
