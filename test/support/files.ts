import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import type { Change, ListRules, Outcome } from "../../src/core/change.js";
import { TrueupError } from "../../src/core/errors.js";
import type { Value } from "../../src/core/value.js";
import type { Target } from "../../src/targets/target.js";
import { openFiles } from "./open-files.js";

export interface FilesPlace {
  readonly root: string;
  path(name: string): string;
  /** Writes a file as another program would, with the folders on the way. */
  put(name: string, text: string | Buffer): void;
  read(name: string): string;
  /** All entries of a folder, hidden ones included. */
  list(folder?: string): string[];
  open(options?: { spec?: unknown; root?: string; lists?: ListRules }): Promise<Target>;
}

/** A fresh root for each test of the file, removed afterwards. */
export function filesPlace(): FilesPlace {
  let root = "";
  beforeEach(() => {
    root = makeRoot();
  });
  afterEach(() => {
    rmSync(root, { recursive: true, force: true });
  });
  return {
    get root() {
      return root;
    },
    path: (name) => join(root, name),
    put: (name, text) => {
      put(join(root, name), text);
    },
    read: (name) => readFileSync(join(root, name), "utf8"),
    list: (folder = ".") => readdirSync(join(root, folder)).sort(),
    open: (options = {}) => openFiles(options.root ?? root, options),
  };
}

export function makeRoot(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), "trueup-files-")));
}

export function put(path: string, text: string | Buffer): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

export function change(path: string, expected: Value | undefined, desired: Value | undefined): Change {
  return { path, expected, desired };
}

/** The error of what must fail. */
export async function faultOf(promise: Promise<unknown>): Promise<TrueupError> {
  const result = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ("error" in result && result.error instanceof TrueupError) return result.error;
  throw new Error("a TrueupError was expected", { cause: result });
}

/** The error of an outcome that must be a failure. */
export function failureOf(outcome: Outcome | undefined): TrueupError {
  if (outcome?.result === "failed" && outcome.error instanceof TrueupError) return outcome.error;
  throw new Error("a failed outcome was expected", { cause: outcome });
}

export const never: AbortSignal = new AbortController().signal;
