import { z } from "zod";
import { TrueupError } from "../core/errors.js";
import { holdOf } from "../core/hold.js";
import { isPointer } from "../core/pointer.js";
import { suggestion } from "../lib/suggest.js";
import { knowledge, refresh } from "../reconcile/environment.js";
import { followedState } from "../reconcile/followed.js";
import { holdEvent } from "../reconcile/holds.js";
import type { Session } from "../reconcile/session.js";
import { decodeStatus } from "../reconcile/status.js";
import type { Hold, TargetRecord } from "../store/store.js";
import type { Operation } from "./operation.js";
import { selectTarget } from "./selection.js";

export interface HoldReport {
  readonly schemaVersion: 1;
  /** Those in force; of `hold ENVIRONMENT/TARGET` the one that was set or released. */
  readonly holds: readonly ReportedHold[];
  readonly did: "listed" | "held" | "released";
}

export interface ReportedHold extends Omit<Hold, "at"> {
  /** How many of the findings of the last pass it covers. */
  readonly findings: number;
}

const argsSchema = z.object({
  /** `environment/target`; without one, holds are listed. */
  word: z.string().optional(),
  /** A JSON Pointer; without one, the whole target. */
  path: z.string().optional(),
  by: z.string(),
  set: z.object({ owner: z.string().min(1), reason: z.string().min(1), until: z.string() }).optional(),
});

/** Sets a hold; without `set`, releases it; without a word, lists those in force. */
export const hold: Operation<z.output<typeof argsSchema>, HoldReport> = {
  name: "hold",
  args: argsSchema,
  async run(session, { word, path = "", by, set }, { signal }) {
    if (word === undefined) return list(session);
    const [environment = word] = word.split("/", 1);
    const hint = `\`trueup suspend ${environment}\` stops all writes to the environment`;
    const place = { ...selectTarget(session, word, hint), path };
    const what = `${word}${path === "" ? "" : ` ${path}`}`;
    if (!isPointer(path)) {
      const hint = `settings are JSON Pointers, such as /${path.replace(/^\/+/, "").replaceAll("~", "~0")}`;
      throw new TrueupError("USAGE", `\`${path}\` is not a setting`, { hint });
    }
    const { holds } = await session.store();
    const { records, holds: known } = await knowledge(session, place.environment);
    if (set !== undefined) {
      if (set.until <= new Date().toISOString()) {
        throw new TrueupError("USAGE", `the hold would have ended at ${set.until}`, { hint: "give an end to come" });
      }
      if (!records.has(place.target)) await expectTarget(session, place, signal);
      const given = { ...place, source: "person" as const, ...set };
      await holds.set(given, holdEvent("held", given));
      return { schemaVersion: 1, did: "held", holds: [reportedHold(given, records)] };
    }
    const here = known.filter((one) => one.target === place.target && one.path === path);
    const mine = here.find(({ source }) => source === "person");
    if (mine === undefined) throw noHold(what, { isReviewed: here.length > 0, environment: place.environment, known });
    await holds.remove(mine, holdEvent("hold-released", mine, `${by} releases it`));
    return { schemaVersion: 1, did: "released", holds: [reportedHold(mine, records)] };
  },
};

async function list(session: Session): Promise<HoldReport> {
  const store = await session.store();
  const now = new Date().toISOString();
  const environments = [...session.config.environments.keys()];
  const inForce = (await store.holds.list()).filter(
    ({ environment, until }) => until > now && environments.includes(environment),
  );
  const records = new Map<string, ReadonlyMap<string, TargetRecord>>();
  for (const name of new Set(inForce.map(({ environment }) => environment))) {
    records.set(name, await store.records.load(name));
  }
  return {
    schemaVersion: 1,
    did: "listed",
    holds: inForce.map((one) => reportedHold(one, records.get(one.environment) ?? new Map())),
  };
}

/** What no pass has seen yet may be in git. */
async function expectTarget(
  session: Session,
  { environment, target }: { environment: string; target: string },
  signal: AbortSignal,
): Promise<void> {
  const branches = await refresh(session, signal);
  const { targets } = await followedState(session, { environment, branches, signal });
  const names = targets.map(({ name }) => name);
  if (names.includes(target)) return;
  throw new TrueupError("USAGE", `environment ${environment} has no target \`${target}\``, {
    hint: suggestion(target, names),
  });
}

interface NoHold {
  readonly isReviewed: boolean;
  readonly environment: string;
  readonly known: readonly Hold[];
}

function noHold(what: string, { isReviewed, environment, known }: NoHold): TrueupError {
  if (isReviewed) {
    return new TrueupError("USAGE", `the hold of ${what} is in git`, {
      hint: `take it out of environments/${environment}/holds.yaml`,
    });
  }
  const others = known.map((one) => `${one.environment}/${one.target}${one.path === "" ? "" : ` ${one.path}`}`);
  return new TrueupError("USAGE", `nothing holds ${what}`, {
    hint: others.length === 0 ? `there are no holds in ${environment}` : suggestion(what, others),
  });
}

function reportedHold(
  { environment, target, path, source, owner, reason, until }: Omit<Hold, "at">,
  records: ReadonlyMap<string, TargetRecord>,
): ReportedHold {
  const status = decodeStatus(records.get(target)?.status ?? "");
  const findings = (status?.open ?? []).filter(
    (finding) => holdOf(finding.path, [{ path, until }]) !== undefined,
  ).length;
  return { environment, target, path, source, owner, reason, until, findings };
}
