import { randomUUID } from "node:crypto";
import { appendFileSync } from "node:fs";
import type { Value } from "../../core/value.js";
import type { Globals } from "../globals.js";
import { type Annotation, workflowCommand } from "./annotation.js";
import { legible } from "./legible.js";
import { readJson, stringifyJson } from "../../lib/json.js";

export interface Printable {
  readonly data: object;
  readonly table: () => string;
  readonly markdown: () => string;
  /** What `github` shows besides. */
  readonly annotations?: () => readonly Annotation[];
  /** What `github` tells later steps, by name. */
  readonly outputs?: () => Readonly<Record<string, string>>;
}

/** Prints an answer in the form that was asked for. JSON is versioned, stable and documented: see docs/json.md. */
export async function print(output: Globals["output"], printable: Printable): Promise<void> {
  const { data, table, markdown } = printable;
  switch (output) {
    case "json":
      return write(`${stringifyJson(data as unknown as Value, { space: 2 })}\n`);
    case "yaml": {
      const { stringify } = await import("yaml");
      // By way of JSON, so that both forms say the same: exact integers, literals as their text.
      return write(stringify(readJson(stringifyJson(data as unknown as Value)), { compat: "yaml-1.1" }));
    }
    case "markdown":
      return write(legible(markdown()));
    case "table":
      return write(legible(table()));
    case "github":
      return printForGitHub(printable);
  }
}

/**
 * The answer for a step of GitHub Actions: the text into its log, annotations, Markdown into the job's summary
 * (`GITHUB_STEP_SUMMARY`), and what later steps may ask for into `GITHUB_OUTPUT`.
 */
async function printForGitHub({ table, markdown, annotations, outputs }: Printable): Promise<void> {
  // The runner takes `::…` in a log for commands, and a value of a live system could be one.
  const resume = randomUUID();
  await write(`::stop-commands::${resume}\n${legible(table()).replace(/\n?$/, "\n")}::${resume}::\n`);
  await write((annotations?.() ?? []).map(workflowCommand).join(""));
  append("GITHUB_STEP_SUMMARY", `${legible(markdown())}\n`);
  append(
    "GITHUB_OUTPUT",
    Object.entries(outputs?.() ?? {})
      .map(outputLine)
      .join(""),
  );
}

/** A line end would begin an output of its own. */
function outputLine([name, value]: readonly [string, string]): string {
  return `${name}=${value.replaceAll(/[\r\n]+/g, " ")}\n`;
}

function append(variable: string, text: string): void {
  const file = process.env[variable];
  if (file !== undefined && file !== "" && text.trim() !== "") appendFileSync(file, text);
}

/** Waits until the text is out: a process that exits with a full pipe would cut it. A reader that left is no error. */
export function write(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const ended = (error: Error | null | undefined): void => {
      if (error === null || error === undefined || ("code" in error && error.code === "EPIPE")) resolve();
      else reject(error);
    };
    // The stream also tells it as an event, which would end the process where nobody listens.
    process.stdout.once("error", ended);
    process.stdout.write(text, ended);
  });
}

/** What is from outside begins no element, link or image. Where Markdown is shown, it is read as it was. */
export function markdownText(text: string): string {
  return text.replaceAll("<", "&lt;").replaceAll("[", "\\[");
}

/** A Markdown table (GitHub flavoured); what would break a cell is escaped. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => markdownText(cell).replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  return `${[line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n")}\n`;
}
