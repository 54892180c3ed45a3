import { z } from "zod";
import { formatPlace, TrueupError } from "../core/errors.js";
import type { Pointer } from "../core/pointer.js";
import type { Value } from "../core/value.js";
import { candidateOf } from "../promotion/candidate.js";
import { differences } from "../promotion/difference.js";
import type { Difference } from "../promotion/report.js";
import { renderWith } from "../reconcile/desired.js";
import { refresh } from "../reconcile/environment.js";
import { followedState } from "../reconcile/followed.js";
import type { Session } from "../reconcile/session.js";
import type { FailedRevision, RenderedEnvironment } from "../render/rendered.js";
import type { Operation } from "./operation.js";
import { selectOne } from "./selection.js";

export interface CompareReport {
  readonly schemaVersion: 1;
  readonly from: ComparedEnvironment;
  readonly to: ComparedEnvironment;
  /** Whether the first's revision could be promoted into the second; `conflicting` and `unrelated`: it cannot. */
  readonly relation: "held" | "ahead" | "conflicting" | "unrelated";
  readonly settings: readonly ComparedSetting[];
}

export interface ComparedEnvironment {
  readonly name: string;
  /** The one that it follows: its settings are compared. */
  readonly revision: string;
  /** The tip of its branch, where that failed: it is that which would be promoted, or promoted into. */
  readonly failedRevision?: FailedRevision;
}

export interface ComparedSetting {
  readonly target: string;
  readonly path: Pointer;
  /** Null where absent; a sensitive value is the beginning of its keyed hash. */
  readonly from: Value;
  readonly to: Value;
  /** What the second would have after a promotion. Absent where that changes nothing. */
  readonly promoted?: Value;
  /**
   * `promotion`: a promotion changes it. `overlay`: different on purpose, at one and the same revision, too. `branch`: the branches
   * say otherwise, and a promotion leaves it so: a hotfix, or what is in conflict.
   */
  readonly why: "promotion" | "overlay" | "branch";
  /** `file:line:column` that says so in each; absent where nothing does. */
  readonly where: { readonly from?: string; readonly to?: string };
  readonly sensitive?: true;
}

const argsSchema = z.object({ from: z.string(), to: z.string() });

/** Two environments' desired documents side by side: what a promotion would change, and what is different on purpose. */
export const compareEnvironments: Operation<z.output<typeof argsSchema>, CompareReport> = {
  name: "compare",
  args: argsSchema,
  async run(session, args, { signal }) {
    const [from, to] = [wholeOne(session, args.from), wholeOne(session, args.to)];
    const branches = await refresh(session, signal);
    const [first, second] = await Promise.all(
      [from, to].map((name) => followedState(session, { environment: name, branches, signal })),
    );
    if (first === undefined || second === undefined) throw new TrueupError("INTERNAL", "nothing was rendered");
    for (const environment of [first, second]) expectReady(environment);
    const { relation, promoted } = await promotedInto(session, { first, second }, signal);
    const hash = session.hash();
    const then = new Map(
      (promoted === undefined ? [] : differences(second, promoted, hash)).map((one) => [keyOf(one), one]),
    );
    const apart = differences(first, second, hash);
    const overlaid = await overlaidIn(session, { first, second }, signal);
    const known = new Set(apart.map(keyOf));
    const compared = (one: Difference, promotion: Difference | undefined): ComparedSetting =>
      comparedSetting(one, promotion, { first, second, overlaid });
    const settings = [
      ...apart.map((one) => compared(one, then.get(keyOf(one)))),
      // The same in both now, and no more after a promotion: a hotfix on one side that the other has, too.
      ...[...then.values()]
        .filter((one) => !known.has(keyOf(one)))
        .map((one) => compared({ ...one, after: one.before }, one)),
    ];
    return {
      ...{ schemaVersion: 1, relation, settings },
      from: comparedEnvironment(first),
      to: comparedEnvironment(second),
    };
  },
};

function comparedEnvironment({ name, revision, failed }: RenderedEnvironment): ComparedEnvironment {
  return { name, revision, ...(failed && { failedRevision: failed }) };
}

function wholeOne(session: Session, word: string): string {
  const { name, targets } = selectOne(session, word);
  if (targets === undefined) return name;
  throw new TrueupError("USAGE", `environments are compared whole, not ${word}`, { hint: `trueup compare ${name} …` });
}

/** What does not load cannot be compared: its settings would all look removed. */
function expectReady({ targets }: RenderedEnvironment): void {
  for (const target of targets) if ("error" in target) throw target.error;
}

interface Sides extends Pair {
  /** What differs without regard to branches; undefined where that cannot be told. */
  readonly overlaid: ReadonlySet<string> | undefined;
}

interface Pair {
  readonly first: RenderedEnvironment;
  readonly second: RenderedEnvironment;
}

/** The second environment as it would be with the first's revision. */
async function promotedInto(session: Session, { first, second }: Pair, signal: AbortSignal) {
  const source = await session.source();
  const recorded = await (await session.store()).promotions.arrivals(second.name);
  const candidate = await candidateOf(
    source.lineage,
    { from: first.name, to: second.name, revision: tipOfBranch(first), tip: tipOfBranch(second), recorded },
    signal,
  );
  if (candidate.relation !== "ahead") return { relation: candidate.relation, promoted: undefined };
  const snapshot = await source.read(candidate.commit, ["environments", "policies"], signal);
  const promoted = await renderWith(session, {
    ...{ environment: second.name, revision: candidate.commit, snapshot },
    secret: (name) => session.secret(second.name, name),
  });
  expectReady(promoted);
  return { relation: candidate.relation, promoted };
}

/** What would differ if both were at the first's revision. */
async function overlaidIn(
  session: Session,
  { first, second }: Pair,
  signal: AbortSignal,
): Promise<ReadonlySet<string> | undefined> {
  const { revision } = first;
  try {
    const source = await session.source();
    const snapshot = await source.read(revision, ["environments", "policies"], signal);
    const rendering = { environment: second.name, revision, snapshot };
    const there = await renderWith(session, { ...rendering, secret: (name) => session.secret(second.name, name) });
    expectReady(there);
    return new Set(differences(first, there, session.hash()).map(keyOf));
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof TrueupError)) throw error;
    // The second's own folder came later.
    return undefined;
  }
}

function tipOfBranch({ revision, failed }: RenderedEnvironment): string {
  return failed?.revision ?? revision;
}

function comparedSetting(
  apart: Difference,
  then: Difference | undefined,
  { first, second, overlaid }: Sides,
): ComparedSetting {
  const { target, path, before, after, sensitive } = apart;
  return {
    ...{ target, path, from: before, to: after },
    ...(then === undefined ? {} : { promoted: then.after }),
    why: then !== undefined ? "promotion" : overlaid?.has(keyOf(apart)) === false ? "branch" : "overlay",
    where: { ...placeIn(first, apart, "from"), ...placeIn(second, apart, "to") },
    ...(sensitive === undefined ? {} : { sensitive }),
  };
}

function placeIn({ targets }: RenderedEnvironment, { target, path }: Difference, side: "from" | "to") {
  const found = targets.find(({ name }) => name === target);
  const place = found === undefined || "error" in found ? undefined : found.explain(path);
  return place === undefined ? {} : { [side]: formatPlace(place) };
}

function keyOf({ target, path }: Difference): string {
  return JSON.stringify([target, path]);
}
