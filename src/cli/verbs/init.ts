import { relative, resolve } from "node:path";
import { type Written, writeTemplate } from "../init/files.js";
import { BRANCHES, commandsFor, makeRepository, placeIn, repositoryAround } from "../init/repository.js";
import { paint } from "../output/paint.js";
import { markdownTable, print } from "../output/print.js";
import type { Globals } from "../globals.js";

export interface InitReport {
  readonly schemaVersion: 1;
  readonly folder: string;
  /** Relative to the folder. */
  readonly files: readonly string[];
  /** Whether the folder was made a repository, with a branch for each environment; otherwise it lies in one. */
  readonly repository: "made" | "found";
  /** What to do next, as commands of a shell. */
  readonly next: readonly string[];
}

/** Writes an environments repository and a trueup.yaml that work at once, on files in a folder of their own. */
export async function init(given: string, { output }: Pick<Globals, "output">): Promise<void> {
  const folder = resolve(given);
  const around = await repositoryAround(folder);
  const written = writeTemplate(folder, placeIn(around, folder));
  if (around === undefined) await makeRepository(folder);
  const enter = relative(process.cwd(), folder);
  const next = [
    ...(enter === "" ? [] : [`cd ${enter}`]),
    ...(around === undefined ? [] : await commandsFor(folder, written.files)),
    ...["trueup validate", "trueup diff", "trueup sync"],
  ];
  const repository = around === undefined ? "made" : "found";
  const report: InitReport = { schemaVersion: 1, folder, files: written.files, repository, next };
  await print(output, {
    data: report,
    table: () => text(report, written),
    markdown: () =>
      markdownTable(
        ["FILE"],
        report.files.map((file) => [file]),
      ),
  });
}

function text({ folder, files, repository, next }: InitReport, { toIgnore }: Written): string {
  const what =
    repository === "made"
      ? `${folder} is a git repository with the branches ${BRANCHES.join(", ")}:`
      : `${folder} lies in a git repository, which is left to you:`;
  return [
    what,
    ...files.map((file) => `  ${file}`),
    ...(toIgnore.length === 0 ? [] : ["", `.gitignore is yours; it should have: ${toIgnore.join(" ")}`]),
    "",
    paint("bold", "next:"),
    ...next.map((command) => `  ${command}`),
    "",
    "Edit environments/, commit, and run `trueup diff` again; `trueup run` keeps it true.",
    "",
  ].join("\n");
}
