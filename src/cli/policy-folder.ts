import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { TrueupError } from "../core/errors.js";
import type { PolicyFile, PolicyTexts } from "../operations/policy-test.js";

/**
 * What policies on disk say, before a commit: a folder `policies`, or one that has it.
 * @throws TrueupError USAGE where there is no such folder, PERMISSION_DENIED
 */
export function readPolicyFolder(path: string): PolicyTexts {
  const folder = policyFolder(path);
  const tests = join(folder, "tests");
  const names = existsSync(tests) ? readdirSync(tests).filter((name) => /\.ya?ml$/.test(name)) : [];
  return { environments: [], policy: drift(folder), tests: names.sort().map((name) => fileAt(join(tests, name))) };
}

/** As `readPolicyFolder`; a file is one of tests, beside the policies that it tests. */
export function readPolicyTestsAt(path: string): PolicyTexts {
  if (!existsSync(path) || statSync(path).isDirectory()) return readPolicyFolder(path);
  return { environments: [], policy: drift(dirname(dirname(resolve(path)))), tests: [fileAt(path)] };
}

function policyFolder(path: string): string {
  if (!existsSync(path)) throw new TrueupError("USAGE", `there is no folder ${path}`);
  const below = join(path, "policies");
  if (existsSync(below)) return below;
  if (basename(resolve(path)) === "policies" || existsSync(join(path, "drift.yaml"))) return path;
  throw new TrueupError("USAGE", `${path} is no folder of policies`, {
    hint: "name the folder `policies` of an environments repository, or the one that it is in",
  });
}

function drift(folder: string): PolicyFile | undefined {
  const file = join(folder, "drift.yaml");
  return existsSync(file) ? fileAt(file) : undefined;
}

function fileAt(file: string): PolicyFile {
  try {
    return { file, text: readFileSync(file, "utf8") };
  } catch (error) {
    throw new TrueupError("PERMISSION_DENIED", `cannot read ${file}`, { cause: error });
  }
}
