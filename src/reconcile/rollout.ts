import { restoredAfter, type RolloutFacts, type Standing, waitsFor, type Waves } from "../core/rollout.js";
import { readJson, stringifyJson } from "../lib/json.js";
import type { RenderedEnvironment } from "../render/rendered.js";
import type { TargetRecord } from "../store/store.js";
import type { Restraint } from "./restraint.js";
import type { Session } from "./session.js";
import { decodeStatus } from "./status.js";

/** What the store keeps of how the newest revision of an environment rolls out. */
export interface KeptRollout {
  readonly revision: string;
  readonly state: "going" | "done" | "failed";
  /** The groups whose probes were healthy. */
  readonly healthy: readonly string[];
  /** ISO 8601: since when a target of the group fails, or its probes are asked. */
  readonly since?: string;
  /** Of one that failed; `at` is ISO 8601. */
  readonly failure?: { readonly reason: string; readonly at: string };
  /** Of one that failed: in which order its targets got it. The revision that is restored may name another. */
  readonly order?: Waves;
  /** The pull request that proposes to revert it. */
  readonly pull?: { readonly number: number; readonly commit: string };
}

export async function loadRollout(session: Session, environment: string): Promise<KeptRollout | undefined> {
  const text = await (await session.store()).rollouts.load(environment);
  // What was written by `encodeRollout` is read here.
  return text === undefined ? undefined : (readJson(text) as unknown as KeptRollout);
}

export function encodeRollout(kept: KeptRollout): string {
  return stringifyJson(kept as unknown as Parameters<typeof stringifyJson>[0]);
}

/** What is kept for the passes over an environment's targets; without asking the store where they need nothing of it. */
export async function rolloutFor(session: Session, { name, rollout, failed }: RenderedEnvironment) {
  const isProbed = rollout?.groups.some(({ probes }) => probes.length > 0) === true;
  return isProbed || failed !== undefined ? loadRollout(session, name) : undefined;
}

export interface RolloutSources {
  readonly environment: RenderedEnvironment;
  readonly records: ReadonlyMap<string, TargetRecord>;
  readonly kept: KeptRollout | undefined;
}

/** How the targets stand to the environment's revision, as the last passes left them. */
export function rolloutFacts({ environment, records, kept }: RolloutSources): RolloutFacts {
  return {
    standing: (target) => standingOf(records.get(target), environment.revision),
    healthy: new Set(kept?.revision === environment.revision ? kept.healthy : []),
  };
}

function standingOf(record: TargetRecord | undefined, revision: string): Standing {
  if (record?.revision !== revision) return "behind";
  const report = decodeStatus(record.status)?.report;
  if (report?.state === "Synced") return "in sync";
  if (report?.state === "Failed") return "failed";
  return report?.state === "Drifted" && report.findings.every(({ kind }) => kind !== "pending") ? "drifted" : "behind";
}

/**
 * Holds back what is pending until it is the target's turn, and for good where the revision failed and none before it is known.
 * What a failed revision changed goes back in the order that is the reverse of its own. Drift is none of a rollout's business.
 */
export function waiting(target: string, sources: RolloutSources): Restraint | undefined {
  const { kept, environment, records } = sources;
  const { failed, revision, rollout, targets } = environment;
  if (failed?.revision === revision) {
    return pendingOnly(() => `the revision ${revision.slice(0, 10)} failed: ${failed.reason}`);
  }
  if (failed !== undefined) {
    // The branch may have been set back to one that failed long ago: nobody knows of an order then.
    const order = kept?.revision === failed.revision ? (kept.order ?? []) : [];
    const isNamed = (other: string): boolean => targets.some(({ name }) => name === other);
    return pendingOnly(() => {
      const other = restoredAfter(target, order, (one) => isNamed(one) && isToBeRestored(records.get(one), revision));
      return other === undefined ? undefined : `waits for ${other}, which is restored first`;
    });
  }
  if (rollout === undefined) return undefined;
  return pendingOnly(() => {
    const other = waitsFor(target, rollout, rolloutFacts(sources));
    return other === undefined ? undefined : `waits for ${other}`;
  });
}

/**
 * Whether a target may have something of a failed revision yet, as the last pass left it. One that is away, or cannot be written,
 * holds up no other: what can be restored is.
 */
function isToBeRestored(record: TargetRecord | undefined, revision: string): boolean {
  const report = record === undefined ? undefined : decodeStatus(record.status)?.report;
  if (report === undefined || report.state === "Unknown") return false;
  return record?.revision !== revision || report.findings.some(({ restrained }) => restrained === "waiting");
}

function pendingOnly(say: () => string | undefined): Restraint {
  let said: { readonly note: string | undefined } | undefined;
  return ({ kind }) => {
    if (kind !== "pending") return undefined;
    // Records are decoded where something is pending, and once.
    said ??= { note: say() };
    return said.note === undefined ? undefined : { why: "waiting", note: said.note, actions: [] };
  };
}
