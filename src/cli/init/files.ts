import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { TrueupError } from "../../core/errors.js";
import { yaml } from "../../formats/yaml.js";

const TEMPLATE = fileURLToPath(new URL("template", import.meta.url));

/** Folders that the example keeps true. A root that is missing is an error, as a disk that is not mounted would be. */
const ROOTS = ["live/dev", "live/staging", "live/prod"];

export interface Written {
  /** Relative to the folder. */
  readonly files: readonly string[];
  /** A .gitignore was there, and is left as it is; it should have these lines. */
  readonly toIgnore: readonly string[];
}

export interface RepositoryPlace {
  /** The repository's top folder, and this folder in it, both as trueup.yaml says them. */
  readonly url: string;
  readonly path: string;
}

/**
 * Writes the template into a folder: all of it, or nothing.
 * @throws TrueupError WRITE_FAILED, PERMISSION_DENIED; USAGE where a file is there already
 */
export function writeTemplate(folder: string, place: RepositoryPlace): Written {
  // GitHub looks for workflows at the top of a repository and nowhere else.
  const names = templateFiles().filter((name) => place.path === "." || !name.startsWith(".github/"));
  const texts = new Map(names.map((name) => [targetName(name), textOf(name, place)]));
  const ignore = texts.get(".gitignore") ?? "";
  const hasIgnore = existsSync(join(folder, ".gitignore"));
  if (hasIgnore) texts.delete(".gitignore");
  const taken = [...texts.keys()].find((name) => existsSync(join(folder, name)));
  if (taken !== undefined) {
    throw new TrueupError("USAGE", `${join(folder, taken)} is there already, and nothing is ever overwritten`, {
      hint: "name an empty folder: trueup init <folder>",
    });
  }
  const done: string[] = [];
  try {
    for (const [name, text] of texts) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      // `wx`: a file that came to be since it was looked for is left alone, too.
      writeFileSync(join(folder, name), text, { flag: "wx" });
      done.push(name);
    }
    for (const root of ROOTS) mkdirSync(join(folder, root), { recursive: true });
  } catch (error) {
    for (const name of done) rmSync(join(folder, name), { force: true });
    throw writeFailure(folder, error);
  }
  const lines = ignore.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return { files: done, toIgnore: hasIgnore ? lines : [] };
}

function templateFiles(): string[] {
  return readdirSync(TEMPLATE, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(TEMPLATE, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .sort();
}

/** npm would take a .gitignore in the package for its own. */
function targetName(name: string): string {
  return name === "gitignore" ? ".gitignore" : name;
}

function textOf(name: string, { url, path }: RepositoryPlace): string {
  const text = readFileSync(join(TEMPLATE, name), "utf8");
  if (name !== "trueup.yaml") return text;
  const edits = [
    { path: ["repository", "url"], value: url },
    { path: ["repository", "path"], value: path },
  ];
  return yaml.edit(text, edits, { file: name });
}

function writeFailure(folder: string, error: unknown): TrueupError {
  const errno = error instanceof Error && "code" in error ? String(error.code) : "unknown";
  const code = errno === "EACCES" || errno === "EPERM" ? "PERMISSION_DENIED" : "WRITE_FAILED";
  return new TrueupError(code, `cannot write to ${folder} (${errno})`, {
    hint: "name a folder that you may write to; nothing was left behind",
    cause: error,
  });
}
