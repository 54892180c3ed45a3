import { createHash, createHmac, randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TrueupError } from "../core/errors.js";
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

const KEY_BYTES = 32;

function readOrMakeKey(stateDirectory: string): Buffer {
  const file = join(stateDirectory, "seal.key");
  try {
    return readKey(file) ?? makeKey(stateDirectory, file) ?? readOrMakeKey(stateDirectory);
  } catch (error) {
    if (error instanceof TrueupError) throw error;
    throw new TrueupError("STORE_FAILED", `the seal key ${file} cannot be read or made (${codeOf(error)})`, {
      hint: "let the user that runs Trueup own `stateDirectory`",
      cause: error,
    });
  }
}

function readKey(file: string): Buffer | undefined {
  try {
    const text = readFileSync(file, "utf8").trim();
    // Anything shorter would be a key that can be guessed.
    if (/^[0-9a-f]{64}$/.test(text)) return Buffer.from(text, "hex");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
  throw new TrueupError("STORE_FAILED", `the seal key ${file} is damaged`, {
    hint: "bring it back from a backup, or remove it: sensitive settings are then met for the first time, and not overwritten",
  });
}

/** Undefined where another process made one first. Whole or not there at all, however this process ends. */
function makeKey(stateDirectory: string, file: string): Buffer | undefined {
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  const key = randomBytes(KEY_BYTES);
  const draft = `${file}.${randomBytes(4).toString("hex")}`;
  writeFileSync(draft, `${key.toString("hex")}\n`, { mode: 0o600, flag: "wx", flush: true });
  try {
    linkSync(draft, file);
    return key;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return undefined;
    throw error;
  } finally {
    unlinkSync(draft);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}
