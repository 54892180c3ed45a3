import { TrueupError } from "../core/errors.js";
import { asTrueupError } from "../reconcile/pass.js";
import { tipOf } from "../reconcile/desired.js";
import { sideBySide } from "../lib/side-by-side.js";
import type { Session } from "../reconcile/session.js";
import { contentOf } from "../render/environment.js";
import { type Hop, readPromotionPolicy } from "./policy.js";

const FILE = "policies/promotion.yaml";

/** So many are looked at side by side: git's processes overlap with each other and with what is done here. */
export const HOPS_AT_ONCE = 32;

export interface Hops {
  /** In the order of trueup.yaml. */
  readonly hops: readonly Hop[];
  /** Why nothing can be said of what is promoted into an environment. */
  readonly faults: ReadonlyMap<string, TrueupError>;
}

/**
 * The hops into each environment, by the policy on its own branch: who commits to dev does not decide what guards prod. An
 * environment whose branch has no policies/promotion.yaml yet goes by that of the first environment that has one and names it,
 * which is how the file itself arrives.
 */
export async function hopsOf(
  session: Session,
  branches: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<Hops> {
  const names = [...session.config.environments.keys()];
  const faults = new Map<string, TrueupError>();
  const policies = new Map<string, readonly Hop[]>();
  const read = await sideBySide(names, HOPS_AT_ONCE, async (name) =>
    hopsAt(session, tipOf(session, name, branches), signal),
  );
  signal.throwIfAborted();
  names.forEach((name, index) => {
    const policy = read[index];
    if (policy?.status === "rejected") faults.set(name, asTrueupError(policy.reason));
    else if (policy?.value !== undefined) policies.set(name, policy.value);
  });
  const unread = new Map([...faults].filter(([, { code }]) => code !== "GIT_REVISION_MISSING"));
  const hops = names.flatMap((name) => {
    if (faults.has(name)) return [];
    for (const one of policies.has(name) ? [name] : names) {
      // It may be the one that guards it.
      const fault = unread.get(one);
      if (fault !== undefined) faults.set(name, fault);
      const hop = fault === undefined ? policies.get(one)?.find(({ to }) => to === name) : undefined;
      if (hop !== undefined || fault !== undefined) return hop ?? [];
    }
    return [];
  });
  for (const hop of hops) {
    const { to } = hop;
    const fault = faultOf(session, hop);
    if (fault !== undefined) faults.set(to, fault);
  }
  return { hops: hops.filter(({ to }) => !faults.has(to)), faults };
}

/** Why the hop cannot be, whatever the policy says. */
export function faultOf({ config }: Session, { from, to, places }: Hop): TrueupError | undefined {
  const [source, target] = [config.environments.get(from), config.environments.get(to)];
  if (source === undefined) {
    return new TrueupError("POLICY_INVALID", `${to} is promoted from ${from}, which trueup.yaml does not name`, {
      where: places?.from ?? { file: FILE },
      hint: `give trueup.yaml the environment ${from}, or take it out of the order`,
    });
  }
  if (source.branch !== target?.branch) return undefined;
  if (from === to) return new TrueupError("USAGE", `${from} is promoted into another environment, not into itself`);
  return new TrueupError("CONFIG_INVALID", `${from} and ${to} follow the same branch: nothing can be promoted`, {
    hint: `give each a \`branch\` of its own in trueup.yaml; on one branch, ${to} has every commit of ${from} at once`,
  });
}

/** What each commit says: it never changes, and is asked for in every pass. */
const known = new WeakMap<Session, Map<string, Promise<readonly Hop[] | undefined>>>();
const MOST_KNOWN = 1_000;

/** The hops that a commit's policy says; undefined where it has none. @throws TrueupError POLICY_INVALID */
export function hopsAt(session: Session, revision: string, signal: AbortSignal): Promise<readonly Hop[] | undefined> {
  const answers = known.get(session) ?? new Map<string, Promise<readonly Hop[] | undefined>>();
  known.set(session, answers);
  const asked = answers.get(revision) ?? readHops(session, revision, signal);
  if (answers.size >= MOST_KNOWN) answers.clear();
  answers.set(revision, asked);
  asked.catch((error: unknown) => {
    // A policy that cannot be read stays so; git may answer the next time.
    if (!(error instanceof TrueupError) || error.code !== "POLICY_INVALID") answers.delete(revision);
  });
  return asked;
}

/** By the file's blob: a policy is compiled once, however many branches have it. */
const compiled = new Map<string, Promise<readonly Hop[]>>();

async function readHops(session: Session, revision: string, signal: AbortSignal): Promise<readonly Hop[] | undefined> {
  const source = await session.source();
  const snapshot = await source.read(revision, ["policies"], signal);
  const id = snapshot.get(FILE)?.id;
  const content = contentOf(snapshot, FILE);
  if (id === undefined || content === undefined) return undefined;
  const same = compiled.get(id);
  if (same !== undefined) return same;
  const reading = readPromotionPolicy(content.toString("utf8"), FILE).then(({ hops }) => hops);
  if (compiled.size >= 64) compiled.clear();
  compiled.set(id, reading);
  reading.catch(() => compiled.delete(id));
  return reading;
}
