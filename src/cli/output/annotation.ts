import type { ReportedError } from "../../reconcile/report.js";

/** What GitHub shows beside a line of a file, or with the run where there is none. */
export interface Annotation {
  readonly level: "error" | "warning";
  readonly message: string;
  readonly title?: string;
  /** `file:line:column`, relative to the repository's top folder; line and column where they are known. */
  readonly where?: string;
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
