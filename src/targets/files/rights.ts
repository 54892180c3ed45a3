import { accessSync, constants, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TrueupError } from "../../core/errors.js";
import { errnoOf, fileFailure } from "./failure.js";
import { realFile, type Root } from "./place.js";

/**
 * What would keep the first of these files that cannot be written from being written: the file's own mode, or, where there is
 * no file yet, that of the nearest folder that is there.
 */
export function mayWriteFiles(root: Root, names: Iterable<string>): TrueupError | undefined {
  for (const name of names) {
    const shown = join(root.folder, name);
    try {
      const real = realFile(root, name);
      accessSync(real ?? nearestFolder(shown), constants.W_OK);
    } catch (error) {
      return fileFailure("write", shown, error);
    }
  }
  return undefined;
}

function nearestFolder(path: string): string {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    try {
      statSync(folder);
      return folder;
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  }
}
