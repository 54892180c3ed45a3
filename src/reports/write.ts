import { randomUUID } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { extname } from "node:path";
import { TrueupError } from "../core/errors.js";
import type { Value } from "../core/value.js";
import { stringifyJson } from "../lib/json.js";
import type { DriftReport } from "./drift-report.js";
import { reportHtml } from "./html.js";
import { reportMarkdown } from "./markdown.js";

export type FileForm = "html" | "markdown" | "json";

const FORMS: Readonly<Record<string, FileForm>> = {
  ".html": "html",
  ".htm": "html",
  ".md": "markdown",
  ".json": "json",
};

/** The form that a file's name asks for; undefined for any other extension. */
export function formOf(file: string): FileForm | undefined {
  const extension = extname(file).toLowerCase();
  return Object.hasOwn(FORMS, extension) ? FORMS[extension] : undefined;
}

export function reportText(report: DriftReport, form: FileForm): string {
  if (form === "html") return reportHtml(report);
  return form === "markdown" ? reportMarkdown(report) : `${stringifyJson(report as unknown as Value, { space: 2 })}\n`;
}

/**
 * Replaces the file whole, so that a reader never meets half a report.
 * @throws TrueupError PERMISSION_DENIED, WRITE_FAILED
 */
export async function writeReport(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomUUID()}.tmp`;
  try {
    await writeFile(temporary, text, { flag: "wx" });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    const errno = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    const code = errno === "EACCES" || errno === "EPERM" ? "PERMISSION_DENIED" : "WRITE_FAILED";
    throw new TrueupError(code, `cannot write the report (${errno})`, {
      where: { file },
      hint: "name a file in a folder that is there and may be written to",
      cause: error,
    });
  }
}
