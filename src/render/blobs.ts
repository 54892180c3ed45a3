import { type Place, TrueupError } from "../core/errors.js";
import { LIMITS } from "../core/limits.js";
import type { Parsed, ParseOptions } from "../formats/format.js";
import { formatOf } from "../formats/registry.js";
import type { SnapshotFile } from "./snapshot.js";

/**
 * Parsed files by blob id, so that a commit that touches one file parses one file, and layers that environments share are
 * parsed once. Bounded by the size of the texts; the oldest go first.
 */
const cache = new Map<string, { readonly parsed: Parsed; readonly size: number }>();
const CACHE_BYTES = 32 * 1024 * 1024;
let cached = 0;

export interface BlobOptions extends ParseOptions {
  /** Whether a file of an unknown extension is one opaque text; otherwise it is an error. */
  readonly raw: boolean;
}

/** The tree of a file in the environments repository. @throws TrueupError as the format does, or why git refuses the file. */
export function parseBlob(blob: SnapshotFile, options: BlobOptions): Parsed {
  if ("refused" in blob) throw blob.refused;
  const key = `${blob.id} ${options.file} ${options.tags ?? "refuse"}`;
  const known = cache.get(key);
  if (known !== undefined) return known.parsed;
  const parsed = parse(blob.content, options);
  remember(key, { parsed, size: blob.content.length });
  return parsed;
}

function parse(content: Buffer, options: BlobOptions): Parsed {
  const { file } = options;
  if (content.length > LIMITS.bytes) {
    throw new TrueupError("DOCUMENT_TOO_LARGE", `the file has ${content.length} bytes; the limit is ${LIMITS.bytes}`, {
      where: { file },
    });
  }
  const text = decode(content, { file });
  const format = formatOf(file);
  if (format !== undefined) return format.parse(text, options);
  if (options.raw) return { value: text, position: () => ({ line: 1, column: 1 }) };
  throw new TrueupError("DOCUMENT_INVALID", "the file's extension names no format", { where: { file } });
}

/** The text of a file, with its BOM. @throws TrueupError DOCUMENT_INVALID for what is not UTF-8. */
export function decode(content: Buffer, where: Place): string {
  try {
    // ignoreBOM keeps the byte order mark in the text: the formats know it, and write it back.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch (error) {
    throw new TrueupError("DOCUMENT_INVALID", "the file is not UTF-8 text", { where, cause: error });
  }
}

function remember(key: string, entry: { parsed: Parsed; size: number }): void {
  cache.set(key, entry);
  cached += entry.size;
  for (const [oldest, { size }] of cache) {
    if (cached <= CACHE_BYTES) break;
    cache.delete(oldest);
    cached -= size;
  }
}
