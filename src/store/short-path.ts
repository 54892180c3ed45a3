import { createHash } from "node:crypto";
import { lstat, readlink, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TrueupError } from "../core/errors.js";
import { codeOf } from "./failure.js";

/** The address of a Unix socket holds 104 bytes on macOS and 108 on Linux, with a NUL at the end. */
const LONGEST_ADDRESS = 103;

/**
 * A path that leads to `directory` and leaves room for `name` bytes and a slash in the address of a socket: the directory itself, or a
 * symbolic link to it in the folder for temporary files. The link has a name that follows from the directory, so every
 * process finds the same one, and whoever misses it makes it. (`/proc/self/fd` would do without, but on Linux only.)
 * @throws TrueupError WRITE_FAILED where that name is taken by something else
 */
export async function shortPath(directory: string, name: number): Promise<string> {
  const room = LONGEST_ADDRESS - name - 1;
  if (Buffer.byteLength(directory) <= room) return directory;
  const user = process.getuid?.() ?? 0;
  const digest = createHash("sha256").update(directory).digest("hex");
  const alias = join(tmpdir(), `trueup-${user}-${digest.slice(0, 12)}`);
  if (Buffer.byteLength(alias) > room) throw tooLong(directory);
  try {
    await symlink(directory, alias);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    // Anyone may write there: a link that someone else laid could lead to a socket of theirs.
    const { uid } = await lstat(alias);
    const leadsTo = await readlink(alias).catch(() => undefined);
    if (uid !== user || leadsTo !== directory) throw tooLong(directory);
  }
  return alias;
}

function tooLong(directory: string): TrueupError {
  return new TrueupError(
    "WRITE_FAILED",
    `the path of the state directory ${directory} is too long for a socket in it`,
    {
      hint: `Name a \`stateDirectory\` of at most ${LONGEST_ADDRESS - 40} bytes in trueup.yaml.`,
    },
  );
}
