import { randomUUID } from "node:crypto";
import { appendFileSync } from "node:fs";
import type { ReportedError } from "../../reconcile/report.js";
import { type Printable, write } from "./print.js";

/** What GitHub shows beside a line of a file, or with the run where there is none. */
export interface Annotation {
  readonly level: "error" | "warning";
  readonly message: string;
  readonly title?: string;
  /** `file:line:column`, relative to the repository's top folder; line and column where they are known. */
  readonly where?: string;
}

/**
 * The answer for a step of GitHub Actions: the text into its log, annotations, Markdown into the job's summary
 * (`GITHUB_STEP_SUMMARY`), and what later steps may ask for into `GITHUB_OUTPUT`.
 */
export async function printForGitHub({ table, markdown, annotations, outputs }: Printable): Promise<void> {
  // The runner takes `::…` in a log for commands, and a value of a live system could be one.
  const resume = randomUUID();
  await write(`::stop-commands::${resume}\n${table().replace(/\n?$/, "\n")}::${resume}::\n`);
  await write((annotations?.() ?? []).map(workflowCommand).join(""));
  append("GITHUB_STEP_SUMMARY", `${markdown()}\n`);
  append(
    "GITHUB_OUTPUT",
    Object.entries(outputs?.() ?? {})
      .map(outputLine)
      .join(""),
  );
}

/** An error as an annotation: what and, below, what to do. */
export function errorAnnotation({ code, message, where, hint }: ReportedError, title?: string): Annotation {
  return {
    level: "error",
    message: `${message} (${code})${hint === undefined ? "" : `\n${hint}`}`,
    ...(where === undefined ? {} : { where }),
    ...(title === undefined ? {} : { title }),
  };
}

/** `::error file=app.yaml,line=2,col=1::message`, escaped as GitHub's own toolkit does. */
export function workflowCommand({ level, message, title, where }: Annotation): string {
  const [, file, line, col] = /^(.*?)(?::(\d+))?(?::(\d+))?$/s.exec(where ?? "") ?? [];
  const properties = Object.entries({ title, file, line, col })
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value = ""]) => `${name}=${escaped(value).replaceAll(":", "%3A").replaceAll(",", "%2C")}`)
    .join(",");
  return `::${level}${properties === "" ? "" : ` ${properties}`}::${escaped(message)}\n`;
}

function escaped(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

/** A line end would begin an output of its own. */
function outputLine([name, value]: readonly [string, string]): string {
  return `${name}=${value.replaceAll(/[\r\n]+/g, " ")}\n`;
}

function append(variable: string, text: string): void {
  const file = process.env[variable];
  if (file !== undefined && file !== "" && text.trim() !== "") appendFileSync(file, text);
}
