import picomatch from "picomatch";

/** Whether a text matches one of the globs; no globs match everything. `*` stays within a segment, `**` crosses segments. */
export function globs(patterns: readonly string[]): (text: string) => boolean {
  return patterns.length === 0 ? () => true : matcher(patterns);
}

/** Whether one of the pointers or globs names the setting, or something above it. No patterns match nothing. */
export function pointerGlobs(patterns: readonly string[]): (pointer: string) => boolean {
  if (patterns.length === 0) return () => false;
  const exact = new Set(patterns);
  const matches = matcher(patterns.flatMap((pattern) => [pattern, `${pattern}/**`]));
  return (pointer) => exact.has(pointer) || matches(pointer);
}

/**
 * picomatch is made for paths of files: behind a slash at the start `/**` is never nothing, so that it goes from both sides,
 * and neither a line break nor a segment `.` or `..`, which a key may be, is matched by any glob, so that they get other words.
 */
function matcher(patterns: readonly string[]): (text: string) => boolean {
  const matches = picomatch(
    patterns.map((pattern) => pattern.replace(/^\//, "")),
    { dot: true },
  );
  return (text) =>
    matches(
      text
        .replace(/^\//, "")
        .replaceAll("\n", " ")
        .replaceAll(/(?<=^|\/)\.{1,2}(?=\/|$)/g, "_"),
    );
}
