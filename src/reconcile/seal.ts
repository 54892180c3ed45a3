import { createHash, createHmac, randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { listScope } from "../core/lists.js";
import type { Pointer } from "../core/pointer.js";
import { canonical, type Hash } from "../core/same.js";
import type { Value } from "../core/value.js";

/** How many digits of a hash tell the key apart, and how many show a person whether two values are the same. */
const MARK = 8;

/**
 * Reads the controller's seal key, or makes one. Its hash (HMAC-SHA-256) stands for a sensitive value in the store and in
 * every report; whoever has only the store cannot try passwords against it. A hash begins with the key's own mark, so that
 * what was sealed under a lost key equals nothing: first contact, never damage.
 */
export function openSeal(stateDirectory: string): Hash {
  const key = readOrMakeKey(stateDirectory);
  const mark = createHash("sha256").update(key).digest("hex").slice(0, MARK);
  return (text) => mark + createHmac("sha256", key).update(text).digest("hex");
}

/** The keyed hash of a value of a setting. */
export function sealOf(hash: Hash, path: Pointer, value: Value | undefined): string {
  return hash(`${path}\n${value === undefined ? "" : canonical(value, NO_LISTS)}`);
}

/** The eight digits by which a person can tell whether two values of a sensitive setting are the same. */
export function shortSeal(hash: Hash, path: Pointer, value: Value): string {
  return sealOf(hash, path, value).slice(MARK, 2 * MARK);
}

const NO_LISTS = listScope({});

function readOrMakeKey(stateDirectory: string): Buffer {
  const file = join(stateDirectory, "seal.key");
  try {
    return Buffer.from(readFileSync(file, "utf8").trim(), "hex");
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  const key = randomBytes(32);
  try {
    // `wx`: of two processes that start at once, one makes the key and the other reads it.
    writeFileSync(file, `${key.toString("hex")}\n`, { mode: 0o600, flag: "wx" });
    return key;
  } catch (error) {
    if (typeof error === "object" && error !== null && "code" in error && error.code === "EEXIST") {
      return readOrMakeKey(stateDirectory);
    }
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return typeof error === "object" && error !== null && "code" in error && error.code === "ENOENT";
}
