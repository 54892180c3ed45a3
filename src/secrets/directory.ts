import { isUtf8 } from "node:buffer";
import { constants } from "node:fs";
import { type FileHandle, open, realpath } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import { z } from "zod";
import { type ErrorCode, TrueupError } from "../core/errors.js";
import type { SecretSource } from "./source.js";

/** A folder with one file a secret: what Docker, systemd and Kubernetes mount. A relative path starts at trueup.yaml's folder. */
export const directorySchema = z.strictObject({ kind: z.literal("directory"), path: z.string().min(1) });

/** Far above any key or certificate chain. */
const MAX_BYTES = 1024 * 1024;

export function directorySource({ path }: z.infer<typeof directorySchema>, base: string): SecretSource {
  const folder = resolve(base, path);
  return {
    description: `the folder ${folder}`,
    read: async (name, signal) => {
      signal.throwIfAborted();
      if (name.split("/").some((segment) => ["", ".", ".."].includes(segment)) || name.includes("\0")) {
        throw refused(folder, `the secret name ${JSON.stringify(name)} is no path below it`);
      }
      const file = join(folder, name);
      try {
        const [within, real] = await Promise.all([realpath(folder), realpath(file)]);
        // Links inside the folder are how Kubernetes swaps secrets.
        if (!real.startsWith(within.endsWith(sep) ? within : within + sep))
          throw refused(file, "a link leads out of the folder");
        const handle = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
        try {
          return await text(handle, file);
        } finally {
          await handle.close();
        }
      } catch (error) {
        if (error instanceof TrueupError) throw error;
        const errno = error instanceof Error && "code" in error ? String(error.code) : "unknown";
        if (errno === "ENOENT" || errno === "ENOTDIR") return undefined;
        throw fault(errno === "EACCES" || errno === "EPERM" ? "PERMISSION_DENIED" : "CONFIG_INVALID", file, {
          message: `the secret cannot be read (${errno})`,
          hint: "Let the user that runs Trueup read the file and enter its folder.",
        });
      }
    },
  };
}

/** The content without its last line end, which editors and `echo` leave. */
async function text(handle: FileHandle, file: string): Promise<string> {
  const stat = await handle.stat();
  if (!stat.isFile()) throw fault("CONFIG_INVALID", file, { message: "the secret is not a regular file" });
  if (stat.size > MAX_BYTES) {
    throw fault("CONFIG_INVALID", file, { message: `the secret has ${stat.size} bytes; the limit is ${MAX_BYTES}` });
  }
  const bytes = await handle.readFile();
  if (!isUtf8(bytes)) throw fault("CONFIG_INVALID", file, { message: "the secret is not UTF-8 text" });
  return bytes.toString("utf8").replace(/\r?\n$/, "");
}

function refused(file: string, message: string): TrueupError {
  return fault("TARGET_REFUSED", file, { message, hint: "Name secrets by the files in the folder." });
}

function fault(code: ErrorCode, file: string, { message, hint }: { message: string; hint?: string }): TrueupError {
  return new TrueupError(code, message, { where: { file }, hint });
}
