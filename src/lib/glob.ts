import picomatch from "picomatch";

/** Whether a text matches one of the globs; no globs match everything. `*` stays within a segment, `**` crosses segments. */
export function globs(patterns: readonly string[]): (text: string) => boolean {
  return patterns.length === 0 ? () => true : picomatch([...patterns], { dot: true });
}

/** Whether one of the pointers or globs names the setting, or something above it. No patterns match nothing. */
export function pointerGlobs(patterns: readonly string[]): (pointer: string) => boolean {
  if (patterns.length === 0) return () => false;
  const exact = new Set(patterns);
  const matches = picomatch(
    patterns.flatMap((pattern) => [pattern, `${pattern}/**`]),
    { dot: true },
  );
  return (pointer) => exact.has(pointer) || matches(pointer);
}
