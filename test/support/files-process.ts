import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Change } from "../../src/core/change.js";
import { TrueupError } from "../../src/core/errors.js";
import { openFiles } from "./open-files.js";

/**
 * A process of its own that applies to files, for tests that kill it or put it into a mount namespace.
 * `apply ROOT CHANGES` prints what came of it; `forever ROOT FILES KEYS` raises every key of every file by one, again and again.
 */
export interface ApplyReport {
  readonly outcomes: readonly { readonly result: string; readonly code?: string }[];
  /** Content by name, of every file in the root afterwards. */
  readonly files: Readonly<Record<string, string>>;
}

const [verb = "", root = "", ...words] = process.argv.slice(2);
const never = new AbortController().signal;

async function apply(changes: readonly Change[]): Promise<ApplyReport> {
  const target = await openFiles(root);
  await target.observe(new Set(), never);
  const outcomes = await target.apply(changes, never);
  const names = readdirSync(root).filter((name) => statSync(join(root, name)).isFile());
  return {
    outcomes: outcomes.map((outcome) => ({
      result: outcome.result,
      ...(outcome.result === "failed" && outcome.error instanceof TrueupError ? { code: outcome.error.code } : {}),
    })),
    files: Object.fromEntries(names.map((name) => [name, readFileSync(join(root, name), "utf8")])),
  };
}

async function forever(names: readonly string[], keys: number): Promise<never> {
  const target = await openFiles(root);
  for (let first = true; ; first = false) {
    const { document } = await target.observe(new Set(names), never);
    const changes = names.flatMap((name) =>
      Array.from({ length: keys }, (_, index): Change => {
        const expected = (document[name] as Record<string, string>)[`K${index}`];
        return { path: `/${name}/K${index}`, expected, desired: String(Number(expected ?? 0) + 1) };
      }),
    );
    if (first) process.stdout.write("ready\n");
    await target.apply(changes, never);
  }
}

if (verb === "apply") process.stdout.write(JSON.stringify(await apply(JSON.parse(words[0] ?? "[]") as Change[])));
else if (verb === "forever") await forever((words[0] ?? "").split(","), Number(words[1]));
else throw new Error(`unknown verb ${verb}`);
