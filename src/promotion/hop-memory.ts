import type { SourceFile } from "../git/source.js";
import type { Candidate } from "./candidate.js";

interface Remembered<T> {
  readonly key: string;
  readonly answer: T;
}

/** By the environment that is promoted into: for the same commits git answers the same, and an idle pass need not ask it. */
export interface HopMemory {
  readonly candidates: Map<string, Remembered<Candidate>>;
  readonly snapshots: Map<string, Remembered<ReadonlyMap<string, SourceFile>>>;
}

/** What was answered last, if the question is the same. */
export async function remembered<T>(
  memory: Map<string, Remembered<T>> | undefined,
  { to, key }: { readonly to: string; readonly key: string },
  ask: () => Promise<T>,
): Promise<T> {
  const known = memory?.get(to);
  if (known?.key === key) return known.answer;
  const answer = await ask();
  memory?.set(to, { key, answer });
  return answer;
}
