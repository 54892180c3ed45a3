import type { Config } from "../config/config.js";
import { isUnchanged, renderWith } from "../reconcile/desired.js";
import type { Session } from "../reconcile/session.js";
import type { RenderedEnvironment } from "../render/rendered.js";
import type { Candidate, CandidateRequest } from "./candidate.js";

interface KnownRendering {
  readonly commit: string;
  readonly config: Config;
  /** The values that it took, undefined for one that was missing: where one changed, it is made anew. */
  readonly secrets: ReadonlyMap<string, string | undefined>;
  readonly environment: RenderedEnvironment;
}

/** By the environment that is promoted into: for the same commits all stays the same, and an idle pass need not ask git. */
export interface HopMemory {
  readonly candidates: Map<string, { readonly key: string; readonly candidate: Candidate }>;
  readonly renderings: Map<string, KnownRendering>;
}

export function hopMemory(): HopMemory {
  return { candidates: new Map(), renderings: new Map() };
}

/** What was found last, if the question is the same. */
export async function rememberedCandidate(
  memory: HopMemory | undefined,
  { to, tip, revision, recorded }: CandidateRequest,
  find: () => Promise<Candidate>,
): Promise<Candidate> {
  const key = [tip, revision, ...[...recorded].flat()].join(" ");
  const known = memory?.candidates.get(to);
  if (known?.key === key) return known.candidate;
  const candidate = await find();
  memory?.candidates.set(to, { key, candidate });
  return candidate;
}

export interface RenderedCommit {
  readonly to: string;
  readonly commit: string;
  readonly memory: HopMemory | undefined;
  readonly signal: AbortSignal;
}

/** The environment as it would be at a commit. @throws TrueupError as rendering does */
export async function renderedAt(
  session: Session,
  { to, commit, memory, signal }: RenderedCommit,
): Promise<RenderedEnvironment> {
  const { config } = session;
  const resolve = (name: string): Promise<string> => session.secret(to, name);
  const known = memory?.renderings.get(to);
  if (known?.commit === commit && known.config === config && (await isUnchanged(known.secrets, resolve))) {
    return known.environment;
  }
  const source = await session.source();
  const snapshot = await source.read(commit, ["environments", "policies"], signal);
  const secrets = new Map<string, string | undefined>();
  const secret = async (name: string): Promise<string> => {
    secrets.set(name, undefined);
    const value = await resolve(name);
    secrets.set(name, value);
    return value;
  };
  const environment = await renderWith(session, { environment: to, revision: commit, snapshot, secret });
  memory?.renderings.set(to, { commit, config, secrets, environment });
  return environment;
}
