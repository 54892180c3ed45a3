import { type Attribution, plainAttribution } from "../core/attribution.js";
import type { Pointer } from "../core/pointer.js";
import { stringifyJson } from "../lib/json.js";
import { bounded } from "../lib/timeout.js";
import type { ReadyTarget } from "../render/rendered.js";
import type { Target } from "../targets/target.js";
import { type Judged, reported } from "./judge.js";
import type { Look } from "./look.js";
import { asTrueupError, type TargetPass } from "./pass.js";
import type { ReportedFinding } from "./report.js";
import type { Session } from "./session.js";
import { decodeStatus } from "./status.js";

/** How long a pass waits for a name, in milliseconds: a finding without one is as good. */
const PATIENCE = 3_000;

export interface Attributing {
  readonly opened: Target;
  readonly seen: Look;
  /** What an earlier look of the same pass found. */
  readonly earlier?: readonly Judged[];
}

/**
 * What was seen, with who changed it where the target can tell. Asked is only about drift that is new or moved since the last
 * pass: a cycle that finds nothing new asks nobody. What cannot be learned is told in the log, once, and fails nothing.
 */
export async function attributed(
  pass: TargetPass,
  target: ReadyTarget,
  { opened, seen, earlier = [] }: Attributing,
): Promise<Look> {
  const drift = seen.judged.filter(({ finding }) => finding.kind !== "pending");
  if (drift.length === 0 || opened.lastWriters === undefined) return seen;
  const hash = pass.session.hash();
  const status = pass.record === undefined ? undefined : decodeStatus(pass.record.status);
  const before = [...(status?.open ?? []), ...earlier.map((judged) => reported(judged, hash))];
  const known = new Map(before.map((finding) => [finding.path, finding]));
  const asked: Pointer[] = [];
  const writers = new Map<Pointer, Attribution | undefined>();
  for (const judged of drift) {
    const { path } = judged.finding;
    const was = known.get(path);
    if (was !== undefined && isSame(was, reported(judged, hash))) writers.set(path, was.changedBy);
    else asked.push(path);
  }
  if (asked.length > 0) {
    for (const [path, writer] of await ask(pass, target, { opened, asked }))
      writers.set(path, plainAttribution(writer));
  }
  const judged = seen.judged.map((one): Judged => {
    const changedBy = writers.get(one.finding.path);
    return changedBy === undefined ? one : { ...one, changedBy };
  });
  return { ...seen, judged };
}

/** Git may have moved meanwhile: who changed the live side is the same. */
function isSame(was: ReportedFinding, now: ReportedFinding): boolean {
  return was.kind !== "pending" && stringifyJson(was.live) === stringifyJson(now.live);
}

/** What each session has said of each target. */
const told = new WeakMap<Session, Map<string, string>>();

async function ask(
  { session, environment, signal }: TargetPass,
  target: ReadyTarget,
  { opened, asked }: { opened: Target; asked: readonly Pointer[] },
): Promise<ReadonlyMap<Pointer, Attribution>> {
  const name = `${environment.name}/${target.name}`;
  try {
    const work = async (stop: AbortSignal) =>
      (await opened.lastWriters?.(asked, stop)) ?? new Map<Pointer, Attribution>();
    return await bounded(work, {
      ...{ milliseconds: Math.min(PATIENCE, target.timeout), signal },
      what: `${name} did not tell who changed it`,
    });
  } catch (error) {
    signal.throwIfAborted();
    const { code, message, hint } = asTrueupError(error);
    const said = told.get(session) ?? new Map<string, string>();
    told.set(session, said);
    if (said.get(name) !== message) {
      const fields = { environment: environment.name, target: target.name, event: "attribution", code, hint };
      session.log.warn(fields, `it is not known who changed it: ${message}`);
    }
    said.set(name, message);
    return new Map();
  }
}
