import picomatch from "picomatch";

/** Whether a text matches one of the globs; no globs match everything. `*` stays within a segment, `**` crosses segments. */
export function globs(patterns: readonly string[]): (text: string) => boolean {
  return patterns.length === 0 ? () => true : picomatch([...patterns], { dot: true });
}
