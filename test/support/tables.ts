import { readFileSync } from "node:fs";

/** The cells of the table in a source file's comment, row by row, without its head: what is promised there is tested. */
export function tableIn(source: string): string[][] {
  return readFileSync(new URL(`../../src/${source}`, import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line.startsWith(" * | "))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
    .slice(1);
}
