/** What is measured: milliseconds. */
export type Contestant = () => Promise<unknown>;

/** Runs the contestants in turns, so that what disturbs the machine disturbs all alike. Milliseconds of each run, by name. */
export async function inTurns<Name extends string>(
  contestants: Readonly<Partial<Record<Name, Contestant>>>,
  { runs, warmup = 0 }: { readonly runs: number; readonly warmup?: number },
): Promise<Record<Name, number[]>> {
  const entries = Object.entries<Contestant>(contestants as Record<string, Contestant>);
  const times = Object.fromEntries(entries.map(([name]) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let run = -warmup; run < runs; run += 1) {
    // Whoever comes first in one round comes last in the next: what one leaves behind (garbage) is not always the same one's.
    for (const [name, contestant] of run % 2 === 0 ? entries : entries.toReversed()) {
      const start = performance.now();
      await contestant();
      if (run >= 0) times[name as Name].push(performance.now() - start);
    }
  }
  return times;
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The median of the ratios of runs that followed each other: steadier than the ratio of medians where the machine is not. */
export function ratio(ours: readonly number[], theirs: readonly number[]): number {
  return median(ours.map((time, run) => time / (theirs[run] ?? Number.NaN)));
}
