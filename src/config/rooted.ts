import { resolve } from "node:path";

/** An entry whose paths are relative to trueup.yaml, wherever the command is run. */
export function rooted(
  entry: Readonly<Record<string, unknown>>,
  paths: readonly string[],
  folder: string,
): Record<string, unknown> {
  const resolved = paths.flatMap((key) => {
    const path = entry[key];
    return typeof path === "string" && path !== "" ? [[key, resolve(folder, path)] as const] : [];
  });
  return { ...entry, ...Object.fromEntries(resolved) };
}
